//! What is in the images: nothing that looks like a secret, and no shell.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use dragoman_tests::material;
use dragoman_tests::project::{Project, docker, figure};
use xtask::secrets;

use crate::tls::has_caddy;

/// Where our own files are; the rest are this system's libraries. Programs are built from the repository, which a test of
/// its own looks at.
const OURS: [&str; 3] = ["bin", "etc", "share"];
const SHELLS: [&str; 4] = ["sh", "bash", "dash", "busybox"];

#[test]
#[ignore = "wants a Docker engine: cargo xtask test --docker"]
fn no_image_holds_a_secret() -> Result<()> {
    let mut project = Project::new()?;
    let mut services = vec!["media", "mediamtx", "speech"];
    if has_caddy("compose: secrets in Caddy's image") {
        project.set("COMPOSE_PROFILES", "tls");
        services.push("caddy");
    }
    project.run(&["up", "--no-start"])?;
    for service in services {
        let container = project.inspect(service)?;
        let id = container["Id"].as_str().context("a container without an id")?;
        let dir = tempfile::tempdir()?;
        let archive = dir.path().join("image.tar");
        material::run(&mut docker(&["export", "--output", &archive.display().to_string(), id]))?;
        let listed = material::run(Command::new("tar").arg("-tf").arg(&archive))?;
        let listed = String::from_utf8_lossy(&listed).into_owned();
        let files: Vec<PathBuf> = listed
            .lines()
            .filter(|name| !name.ends_with('/') && OURS.iter().any(|top| name.starts_with(&format!("{top}/"))))
            .map(PathBuf::from)
            .collect();
        ensure!(files.len() > 3, "{service}: {listed}");
        let shell = files
            .iter()
            .find(|file| SHELLS.iter().any(|shell| file.ends_with(format!("bin/{shell}"))));
        ensure!(shell.is_none(), "{service} has a shell: {shell:?}");
        material::run(
            Command::new("tar")
                .arg("-xf")
                .arg(&archive)
                .arg("-C")
                .arg(dir.path())
                .args(&files),
        )?;
        let texts = files.into_iter().filter(|file| !file.starts_with("bin"));
        let findings = secrets::in_files(dir.path(), texts)?;
        ensure!(findings.is_empty(), "{service}: {findings:?}");
        let variables = container["Config"]["Env"].to_string();
        ensure!(
            secrets::in_bytes(variables.as_bytes()).is_empty(),
            "{service}: {variables}"
        );
    }
    figure("secrets in the images", "none", "none")
}
