//! Models, recordings and artifacts are in volumes: they outlive every container and go when their volumes go.

use std::os::unix::fs::MetadataExt;

use anyhow::{Context, Result, ensure};
use dragoman_tests::material;
use dragoman_tests::project::{Project, docker, figure};

/// Where each service keeps what, as its own user.
const KEPT: [(&str, &str); 3] = [
    ("speech", "/cache"),
    ("media", "/artifacts"),
    ("mediamtx", "/recordings"),
];

#[test]
#[ignore = "wants a Docker engine: cargo xtask test --docker"]
fn what_is_kept_outlives_the_containers() -> Result<()> {
    let project = Project::new()?;
    project.up(&[])?;
    for (service, place) in KEPT {
        let archive = owned_file(service)?;
        copy_in(&project, service, &archive, place)?;
    }
    for (service, place) in KEPT {
        belongs_to_its_user(&project, service, place)?;
    }
    let first = project.inspect("speech")?["Id"].clone();
    project.down()?;
    project.up(&[])?;
    ensure!(project.inspect("speech")?["Id"] != first, "the containers are the same");
    for (service, place) in KEPT {
        ensure!(
            read(&project, service, place)? == service,
            "{place} of {service} was lost"
        );
    }
    project.run(&["up", "--detach", "--wait", "--force-recreate"])?;
    for (service, place) in KEPT {
        ensure!(
            read(&project, service, place)? == service,
            "{place} of {service} was lost"
        );
    }
    figure(
        "models, recordings, artifacts after down, up and recreation",
        "kept",
        "kept",
    )?;
    project.run(&["down", "--volumes"])?;
    project.up(&[])?;
    for (service, place) in KEPT {
        ensure!(
            read(&project, service, place).is_err(),
            "{place} of {service} outlives its volume"
        );
    }
    Ok(())
}

/// A directory with a file that holds the service's name, as its user would have written it.
fn owned_file(service: &str) -> Result<tempfile::TempDir> {
    let dir = tempfile::tempdir()?;
    std::fs::write(dir.path().join("kept"), service)?;
    Ok(dir)
}

/// A volume takes over from the image who may write it.
fn belongs_to_its_user(project: &Project, service: &str, place: &str) -> Result<()> {
    let container = project.inspect(service)?;
    let mounts = container["Mounts"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mount = mounts.iter().find(|mount| mount["Destination"] == place);
    let dir = mount
        .and_then(|mount| mount["Source"].as_str())
        .context("there is no such volume")?;
    let owner = std::fs::metadata(dir)
        .with_context(|| format!("cannot look at {dir}"))?
        .uid();
    ensure!(owner == 65_532, "{place} of {service} belongs to {owner}");
    Ok(())
}

fn copy_in(project: &Project, service: &str, dir: &tempfile::TempDir, place: &str) -> Result<()> {
    let id = project.inspect(service)?["Id"].as_str().unwrap_or_default().to_owned();
    let file = dir.path().join("kept").display().to_string();
    material::run(&mut docker(&["cp", &file, &format!("{id}:{place}/kept")])).map(drop)
}

fn read(project: &Project, service: &str, place: &str) -> Result<String> {
    let id = project.inspect(service)?["Id"].as_str().unwrap_or_default().to_owned();
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("back");
    material::run(&mut docker(&[
        "cp",
        &format!("{id}:{place}/kept"),
        &file.display().to_string(),
    ]))?;
    Ok(std::fs::read_to_string(file)?)
}
