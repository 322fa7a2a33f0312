//! What is wrong is said: `up --wait` fails, nothing turns healthy, and the log has the sentence that the README has.

use std::time::Duration;

use anyhow::{Result, ensure};
use dragoman_tests::project::{Project, figure};
use dragoman_tests::readme;

/// How long `up` may take to say that there are no images.
const NO_IMAGE_WITHIN: Duration = Duration::from_secs(5);
/// EX_USAGE: the configuration is bad.
const EXIT_CODE: i64 = 64;

/// `up` fails, and the service has ended because of its configuration, with this in its log.
fn refuses(project: &Project, services: &[&str], service: &str, sentences: &[&str]) -> Result<()> {
    let (said, _) = project.up_fails(services)?;
    // It may be tried once more just now.
    project.until(&format!("{service} ends because of its configuration: {said}"), || {
        let state = project.inspect(service)?["State"].clone();
        ensure!(state["Health"]["Status"] != "healthy", "{service} is healthy: {state}");
        Ok((state["ExitCode"] == EXIT_CODE).then_some(()))
    })?;
    let logs = project.run(&["logs", "--no-color", service])?;
    for sentence in sentences {
        readme::quotes(sentence)?;
        ensure!(logs.contains(sentence), "{service} does not say {sentence:?}:\n{logs}");
    }
    Ok(())
}

#[test]
#[ignore = "wants a Docker engine: cargo xtask test --docker"]
fn a_wrong_value_is_named() -> Result<()> {
    let mut project = Project::new()?;
    project.set("HOLD", "2,5s");
    refuses(
        &project,
        &["media"],
        "media",
        &[
            "bad configuration, 1 problem:",
            "HOLD: found \"2,5s\", expected a duration such as 2.5s",
        ],
    )
}

#[test]
#[ignore = "wants a Docker engine: cargo xtask test --docker"]
fn what_is_missing_is_named_all_at_once() -> Result<()> {
    let mut project = Project::new()?;
    project.set("MODE", "split");
    project.set("ALLOW_OPEN", "0");
    refuses(
        &project,
        &["media"],
        "media",
        &[
            "bad configuration, ",
            "SPEECH_URL",
            "SPEECH_KEY",
            "MEDIA_API_KEY: not set, expected a key",
        ],
    )?;
    figure(
        "missing variables: up --wait",
        "fails, each is named",
        "fails, each is named",
    )
}

/// The runtime is there, the GPU is not: whoever has installed only half of what a GPU needs sees this.
#[test]
#[ignore = "wants a Docker engine: cargo xtask test --docker"]
fn a_gpu_that_is_not_there_is_named() -> Result<()> {
    let mut project = Project::new()?;
    for (name, value) in [
        ("MODE", "gpu"),
        ("ALLOW_OPEN", "0"),
        ("SPEECH_ENGINE", "cascade"),
        ("SPEECH_DEVICE", "cuda"),
        ("SPEECH_RUNTIME", "nvidia"),
    ] {
        project.set(name, value);
    }
    project.secret("SPEECH_KEY", "speech-word")?;
    refuses(
        &project,
        &["speech"],
        "speech",
        &["SPEECH_DEVICE: found cuda, which this build does not support, expected a build with CUDA"],
    )?;
    figure(
        "gpu without a GPU: speech",
        "exits 64 and names the device",
        "exits 64 and names the device",
    )
}

#[test]
#[ignore = "wants a Docker engine: cargo xtask test --docker"]
fn missing_images_are_said_at_once() -> Result<()> {
    let mut project = Project::new()?;
    project.set("IMAGE_TAG", "no-such-tag");
    let (said, took) = project.up_fails(&[])?;
    readme::quotes("No such image: dragoman-")?;
    ensure!(
        said.contains("No such image: dragoman-") && said.contains("no-such-tag"),
        "{said}"
    );
    figure(
        "no images: up fails after",
        &format!("{:.1} s", took.as_secs_f64()),
        "5 s",
    )?;
    ensure!(took < NO_IMAGE_WITHIN, "{took:?}");
    Ok(())
}

#[test]
#[ignore = "wants a Docker engine: cargo xtask test --docker"]
fn a_secret_without_its_file_starts_nothing() -> Result<()> {
    let mut project = Project::new()?;
    project.set("SPEECH_KEY_FILE", "/no/such/file");
    let (said, _) = project.up_fails(&["speech"])?;
    readme::quotes("bind source path does not exist: ")?;
    ensure!(
        said.contains("bind source path does not exist: /no/such/file"),
        "{said}"
    );
    Ok(())
}
