//! `up` and `publish`.

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;
use rustix::process::Signal;

use crate::child::Child;
use crate::cli::{Input, Installing, Routing};
use crate::interrupt::Interrupt;
use crate::stack::{self, Options, PortChoice, Router, Stack};
use crate::{compile, demo};

/// `cargo xtask up`.
#[derive(Args)]
pub(crate) struct Up {
    #[command(flatten)]
    routing: Routing,
    #[command(flatten)]
    dubbing: Dubbing,
    #[command(flatten)]
    installing: Installing,
}

/// How streams are dubbed unless they say otherwise themselves.
#[derive(Args, Clone)]
pub(crate) struct Dubbing {
    /// How much later than the source the programme leaves, for example 2.5s, 1500ms, 0
    #[arg(long, value_name = "DURATION")]
    pub(crate) hold: Option<String>,
    /// Target languages, comma separated, at most four
    #[arg(long, value_name = "LANGUAGES", value_delimiter = ',', default_value = "es")]
    pub(crate) targets: Vec<String>,
    /// What dubs: mock (a tone for each utterance), echo (the source again), cascade (real speech)
    #[arg(long, value_name = "ENGINE", default_value = "mock")]
    pub(crate) engine: String,
    /// A variable of the speech service, such as SPEECH_PAIRS=en-es; those of this process's own environment are handed on too
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    pub(crate) speech_env: Vec<(String, String)>,
}

/// `cargo xtask publish`.
#[derive(Args)]
pub(crate) struct Publish {
    /// Where to, for example rtmp://127.0.0.1:1935/live/mine/in
    url: String,
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    installing: Installing,
}

impl Dubbing {
    /// What a stack is started with for it.
    pub(crate) fn options(&self, router: Router, ports: PortChoice) -> Options {
        let mut media = std::collections::BTreeMap::from([("TARGETS".to_owned(), self.targets.join(","))]);
        if let Some(hold) = &self.hold {
            media.insert("HOLD".to_owned(), hold.clone());
        }
        let mut speech = std::collections::BTreeMap::from([("SPEECH_ENGINE".to_owned(), self.engine.clone())]);
        if std::env::var_os("SPEECH_PAIRS").is_none() {
            speech.insert("SPEECH_PAIRS".to_owned(), self.pairs());
        }
        speech.extend(self.speech_env.iter().cloned());
        Options {
            router,
            ports,
            media,
            speech,
            keep_logs: true,
        }
    }

    /// The test stream speaks English; what is dubbed into English is taken to be Spanish.
    fn pairs(&self) -> String {
        let pair = |target: &String| match target.split('-').next().unwrap_or(target) {
            "en" => "es-en".to_owned(),
            target => format!("en-{target}"),
        };
        self.targets.iter().map(pair).collect::<Vec<_>>().join(",")
    }

    /// Whether the built-in models are needed: they take minutes to build.
    pub(crate) fn needs_models(&self) -> bool {
        let is_command = |name: &str| {
            let given = self
                .speech_env
                .iter()
                .find(|(given, _)| given == name)
                .map(|(_, value)| value.clone());
            let value = given.or_else(|| std::env::var(name).ok());
            value.is_some_and(|value| value.starts_with("command"))
        };
        self.engine == "cascade" && !["SPEECH_ASR", "SPEECH_MT", "SPEECH_TTS"].into_iter().all(is_command)
    }
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("not NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

impl Up {
    pub(crate) fn run(self) -> Result<ExitCode> {
        self.installing.ensure()?;
        compile::binaries(self.dubbing.needs_models())?;
        let interrupt = Interrupt::install()?;
        let mut stack = Stack::start(&self.dubbing.options(self.routing.router, PortChoice::Usual))?;
        println!("ready after {} ms", stack.ready_after().as_millis());
        println!();
        println!("  publish   {}", stack.rtmp_url("live/<name>/in"));
        println!(
            "            OBS: server {}, stream key in",
            stack.rtmp_url("live/<name>")
        );
        println!(
            "            or   cargo xtask publish {}",
            stack.rtmp_url("live/talk/in")
        );
        println!(
            "  watch     {}",
            stack.watch_url(if self.routing.router == Router::Own {
                ""
            } else {
                "live/<name>/out"
            })
        );
        println!("  operate   {}/", stack.media_url());
        println!("  logs      {}", stack.dir().display());
        println!();
        println!("Ctrl-C stops it.");
        while !interrupt.is_set() {
            stack.check()?;
            interrupt.wait_until(Instant::now() + Duration::from_secs(1));
        }
        println!();
        println!("stopping");
        stack.stop();
        Ok(ExitCode::SUCCESS)
    }
}

impl Publish {
    pub(crate) fn run(self) -> Result<ExitCode> {
        self.installing.ensure()?;
        compile::cargo(&["build", "--workspace", "--bins"])?;
        let interrupt = Interrupt::install()?;
        let dir = tempfile::tempdir().context("cannot make a directory for the log")?;
        let mut command = Command::new(stack::binary("dragoman-probe")?);
        demo::publish_arguments(&mut command, &self.url, &self.input);
        let mut child = Child::spawn("publish", &mut command, dir.path(), false)?;
        println!("publishing to {}; Ctrl-C stops it", self.url);
        while child.ended().is_none() {
            if interrupt.is_set() {
                child.signal(Signal::INT);
                let _ = child.wait(Duration::from_secs(5));
                return Ok(ExitCode::SUCCESS);
            }
            interrupt.wait_until(Instant::now() + Duration::from_millis(200));
        }
        match child.ended() {
            Some(status) if status.success() => Ok(ExitCode::SUCCESS),
            _ => child.check().map(|()| ExitCode::FAILURE),
        }
    }
}
