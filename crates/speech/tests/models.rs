//! `dragoman-speech models`, the program itself, against a hub on loopback.
#![cfg(feature = "models")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../../models/tests/hub/mod.rs"]
mod hub;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use hub::{Hub, weights};
use tempfile::TempDir;

const REPOSITORY: &str = "openai/whisper-tiny";

struct Setup {
    hub: Hub,
    home: TempDir,
}

impl Setup {
    fn new() -> Self {
        let hub = Hub::start();
        hub.put(REPOSITORY, "config.json", b"{}");
        hub.put(REPOSITORY, "tokenizer.json", b"{}");
        hub.put(REPOSITORY, "model.safetensors", &weights(1, 2_000_000));
        Self {
            hub,
            home: tempfile::tempdir().unwrap(),
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dragoman-speech"));
        command
            .env_clear()
            .env("HF_HOME", self.home.path())
            .env("HF_ENDPOINT", &self.hub.endpoint)
            .arg("models")
            .args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        shown(&self.command(arguments).output().unwrap())
    }

    fn blob(&self) -> PathBuf {
        let name = hub::sha256(&weights(1, 2_000_000));
        self.home
            .path()
            .join("hub/models--openai--whisper-tiny/blobs")
            .join(name)
    }
}

fn shown(output: &Output) -> (Option<i32>, String) {
    let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    (output.status.code(), text.concat())
}

fn line<'a>(text: &'a str, start: &str) -> &'a str {
    text.lines()
        .find(|line| line.starts_with(start))
        .unwrap_or_else(|| panic!("no {start} in {text}"))
}

#[test]
fn fetched_listed_verified_and_told_when_it_is_corrupt() {
    let setup = Setup::new();
    let (code, text) = setup.run(&["list"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(line(&text, "whisper-tiny ").ends_with("missing") && line(&text, "pocket-spanish").contains("CC-BY-4.0"));
    assert!(line(&text, "madlad-400-3b").contains("~1.67 GB"), "{text}");

    let (code, text) = setup.run(&["fetch", "whisper-tiny"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains("3 files, 2 MB to download") && text.contains("first use: now locked"),
        "{text}"
    );
    assert!(
        !text.contains('\r') && !text.contains('\x1b'),
        "not a terminal: {text:?}"
    );
    assert_eq!(setup.run(&["fetch", "whisper-tiny"]).0, Some(0));
    assert_eq!(setup.hub.downloads().len(), 1);

    let (_, text) = setup.run(&["list", "whisper-tiny"]);
    assert!(line(&text, "whisper-tiny ").ends_with("2 MB  present"), "{text}");
    assert!(
        text.contains("Whisper by OpenAI") && text.contains("present openai/whisper-tiny/model.safetensors 2 MB"),
        "{text}"
    );
    assert_eq!(setup.run(&["verify"]).0, Some(0));

    fs::write(setup.blob(), weights(2, 2_000_000)).unwrap();
    let (code, text) = setup.run(&["verify"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("openai/whisper-tiny/model.safetensors: corrupt"),
        "{text}"
    );
    assert_eq!(
        text.lines().last(),
        Some("to put it right: dragoman-speech models fetch whisper-tiny")
    );
    let (_, text) = setup.run(&["list"]);
    assert!(line(&text, "whisper-tiny ").ends_with("corrupt"), "{text}");
    assert_eq!(setup.run(&["fetch", "whisper-tiny"]).0, Some(0));
    assert_eq!(setup.run(&["verify", "whisper-tiny"]).0, Some(0));
}

/// The service, started so that it fetches first, until it listens or ends.
fn served(setup: &Setup) -> String {
    let mut child = Command::new(env!("CARGO_BIN_EXE_dragoman-speech"))
        .env_clear()
        .env("HF_HOME", setup.home.path())
        .env("HF_ENDPOINT", &setup.hub.endpoint)
        .envs([
            ("SPEECH_LISTEN", "127.0.0.1:0"),
            ("SPEECH_ENGINE", "cascade"),
            ("SPEECH_DEVICE", "cpu"),
            ("SPEECH_ASR", "whisper-tiny"),
            ("SPEECH_MT", "command:cat"),
            ("SPEECH_TTS", "command:cat"),
        ])
        .arg("--fetch-models")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    for line in BufReader::new(child.stderr.take().unwrap())
        .lines()
        .map_while(Result::ok)
    {
        said += &line;
        said.push('\n');
        if line.contains("listening") {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    said
}

#[test]
fn a_service_that_fetches_first_downloads_once() {
    let setup = Setup::new();
    let said = served(&setup);
    assert!(
        said.contains("listening") && said.contains("files downloaded"),
        "{said}"
    );
    assert!(setup.blob().exists());
    let asked = setup.hub.downloads().len();
    let said = served(&setup);
    assert!(
        said.contains("listening") && said.contains("everything is there"),
        "{said}"
    );
    assert_eq!(setup.hub.downloads().len(), asked);

    fs::remove_dir_all(setup.home.path().join("hub")).unwrap();
    setup.hub.state().token = Some("nobody has it".into());
    let said = served(&setup);
    assert!(!said.contains("listening") && said.contains("whisper-tiny"), "{said}");
}

#[test]
fn two_processes_at_once_download_once() {
    let setup = Setup::new();
    setup.hub.state().gate_closed = true;
    let start = || {
        setup
            .command(&["fetch", "whisper-tiny"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let mut both = [start(), start()];
    let (sender, lines) = std::sync::mpsc::channel();
    let readers = both.each_mut().map(|child| {
        let (stderr, sender) = (child.stderr.take().unwrap(), sender.clone());
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        })
    });
    drop(sender);
    let mut seen = Vec::new();
    let waits = |line: &String| line.contains("another process has it in hand");
    while !seen.last().is_some_and(waits) {
        seen.push(lines.recv().unwrap_or_else(|_| panic!("nobody waited: {seen:?}")));
    }
    setup.hub.open_gate();
    for child in &mut both {
        assert!(child.wait().unwrap().success());
    }
    readers.into_iter().for_each(|reader| reader.join().unwrap());
    assert_eq!(setup.hub.downloads().len(), 1);
    assert_eq!(setup.run(&["verify", "whisper-tiny"]).0, Some(0));
}

#[test]
fn a_killed_download_goes_on_in_the_next_process() {
    let setup = Setup::new();
    let file = format!("{REPOSITORY}/model.safetensors");
    setup.hub.state().cuts.insert(file, vec![1_500_000]);
    // The rest waits behind the gate, once the first part is through.
    setup.hub.state().close_after_cut = true;
    let mut child = setup
        .command(&["fetch", "whisper-tiny"])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    setup.hub.wait_for_downloads(2);
    child.kill().unwrap();
    child.wait().unwrap();
    setup.hub.open_gate();

    let have = fs::metadata(setup.blob().with_extension("part")).unwrap().len();
    assert!(have > 0);
    let (code, text) = setup.run(&["fetch", "whisper-tiny"]);
    assert_eq!(code, Some(0), "{text}");
    let last = setup.hub.downloads().pop().unwrap();
    assert_eq!(last.range, Some(format!("bytes={have}-")), "{text}");
}

#[test]
fn what_cannot_be_done_is_told_with_its_exit_code_and_without_the_token() {
    let setup = Setup::new();
    let (code, text) = setup.run(&["fetch", "whisper-huge"]);
    assert_eq!(code, Some(64), "{text}");
    assert!(
        text.contains("no model whisper-huge; there are whisper-tiny,"),
        "{text}"
    );
    let (code, text) = setup.run(&["fetch", "--pairs", "en-es,en-ja"]);
    assert_eq!(code, Some(64));
    assert!(text.contains("en-ja: no built-in voice"), "{text}");
    assert_eq!(setup.run(&["verify"]).0, Some(1), "an empty cache is not verified");

    setup.hub.state().token = Some("hf_right".to_owned());
    let secret = setup.home.path().join("token.txt");
    fs::write(&secret, "hf_right\n").unwrap();
    let with = |name: &str, value: &str| {
        let mut command = setup.command(&["fetch", "whisper-tiny"]);
        shown(&command.env(name, value).env("LOG", "trace").output().unwrap())
    };
    let (code, text) = with("HF_TOKEN", "hf_wrong");
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("HTTP 401") && !text.contains("hf_wrong"), "{text}");
    let (code, text) = with("HF_TOKEN_FILE", secret.to_str().unwrap());
    assert_eq!(code, Some(0), "{text}");
    assert!(!text.contains("hf_right"), "{text}");
    assert!(setup.hub.downloads().iter().all(|asked| asked.token.is_none()));

    let mut command = setup.command(&["list"]);
    let (code, text) = shown(&command.env("HF_ENDPOINT", "not a url").output().unwrap());
    assert_eq!(code, Some(64));
    assert!(text.contains("HF_ENDPOINT"), "{text}");
    let mut child = setup.command(&["list"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 1];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    assert!(child.wait().unwrap().success(), "a closed pipe is no failure");
}

/// What `dragoman-speech models` says where `mount` has prepared `HF_HOME`, which nobody else sees; nothing where no file
/// system can be mounted.
fn mounted(setup: &Setup, mount: &str, arguments: &[&str]) -> Option<(Option<i32>, String)> {
    let own = setup.command(arguments);
    let script = format!("{mount} || exit 125; exec \"$0\" \"$@\"");
    let mut command = Command::new("unshare");
    command
        .args(["-m", "sh", "-c", &script])
        .arg(own.get_program())
        .args(own.get_args());
    command.envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let said = command.output().ok().map(|output| shown(&output));
    let said = said.filter(|(code, text)| *code != Some(125) && !text.contains("unshare failed"));
    if said.is_none() {
        eprintln!("skipped: no file system can be mounted in a namespace of its own");
    }
    said
}

#[test]
fn a_cache_that_is_too_small_says_so() {
    let setup = Setup::new();
    let small = "mount -t tmpfs -o size=1m tmpfs \"$HF_HOME\"";
    let Some((code, text)) = mounted(&setup, small, &["fetch", "whisper-tiny"]) else {
        return;
    };
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("free") && text.contains("MB"), "{text}");
    assert!(setup.hub.downloads().is_empty(), "nothing is begun");
}

#[test]
fn a_read_only_cache_is_read_and_what_it_lacks_is_said() {
    let setup = Setup::new();
    let fixed = "mount --bind \"$HF_HOME\" \"$HF_HOME\" && mount -o remount,bind,ro \"$HF_HOME\"";
    let Some((code, text)) = mounted(&setup, fixed, &["fetch", "whisper-tiny"]) else {
        return;
    };
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("Read-only file system"), "{text}");
    assert_eq!(setup.run(&["fetch", "whisper-tiny"]).0, Some(0));
    for arguments in [&["list", "whisper-tiny"][..], &["verify"], &["fetch", "whisper-tiny"]] {
        let said = mounted(&setup, fixed, arguments);
        let (code, text) = said.expect("it was mounted before");
        assert_eq!(code, Some(0), "{arguments:?}: {text}");
    }
}
