//! Configuration: envy reads, [`Check`] judges, every problem is listed at once.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use dragoman_service::auth::Access;
use dragoman_service::config::{Check, ConfigError, Mode, Vars, parse};
use dragoman_service::telemetry;
use serde::Deserialize;

use crate::engine::Name;
use crate::engine::cascade::command::Limits;
use crate::engine::cascade::{CUT_CAP, Choice, Choices, DUB_RATE, Pair, Pairs};
use crate::resample::supported;

/// The variables as they are found.
#[derive(Default, Deserialize)]
pub struct Raw {
    mode: Option<String>,
    speech_listen: Option<String>,
    speech_engine: Option<String>,
    speech_device: Option<String>,
    speech_key: Option<String>,
    speech_max_sessions: Option<String>,
    speech_pairs: Option<String>,
    speech_asr: Option<String>,
    speech_mt: Option<String>,
    speech_tts: Option<String>,
    speech_tts_rate: Option<String>,
    speech_command_timeout: Option<String>,
    speech_command_processes: Option<String>,
    speech_glossary_dir: Option<String>,
    speech_cut_cap: Option<String>,
    hf_home: Option<String>,
    xdg_cache_home: Option<String>,
    home: Option<String>,
    mock_delay: Option<String>,
    allow_open: Option<String>,
    log: Option<String>,
    log_format: Option<String>,
}

/// The configuration of a speech service.
#[derive(Clone, Debug)]
pub struct Config {
    /// Judged, and shown.
    pub mode: Mode,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Which engine runs.
    pub engine: Name,
    /// What its models run on.
    pub device: Wanted,
    /// Who may use it.
    pub access: Access,
    /// Most sessions at once, those that wait for a lost client included.
    pub max_sessions: usize,
    /// How long `mock` and `echo` take.
    pub mock_delay: Duration,
    /// Pairs that the cascade has to be ready for.
    pub pairs: Pairs,
    /// What its stages are made of.
    pub stages: Choices,
    /// Samples per second of a synthesising program that writes no WAV.
    pub tts_rate: u32,
    /// What programs may take.
    pub commands: Limits,
    /// Where the streams' glossaries are.
    pub glossary_dir: Option<PathBuf>,
    /// The cascade's longest utterance.
    pub cut_cap: Duration,
    /// Where model files are, in the hub's layout.
    pub cache: PathBuf,
    /// What is logged and how.
    pub log: telemetry::Options,
}

impl Config {
    /// Judges the variables of a process.
    pub fn from_vars(vars: &Vars) -> Result<Self, ConfigError> {
        let mut check = Check::new();
        let raw: Raw = vars.read(&mut check);
        let (mode, allow_open) = check.mode(raw.mode, raw.allow_open);
        let listen = check.address("SPEECH_LISTEN", raw.speech_listen, "127.0.0.1:8090");
        let engines = [("mock", Name::Mock), ("echo", Name::Echo), ("cascade", Name::Cascade)];
        let engine = check.choice("SPEECH_ENGINE", raw.speech_engine, Name::Mock, &engines);
        let device = check_device(&mut check, raw.speech_device, engine, mode);
        if mode == Mode::Split
            && listen.ip().to_canonical().is_loopback()
            && raw.speech_key.is_none()
            && !check.is_blank("SPEECH_KEY")
        {
            // Beyond loopback a key is needed anyway; here something before it, such as a proxy, lets others in.
            check.problem(
                "SPEECH_KEY",
                None,
                "the key that the streaming host sends, since MODE is split",
            );
        }
        let access = check.access("SPEECH_KEY", raw.speech_key, listen, allow_open);
        let max_sessions = check.number("SPEECH_MAX_SESSIONS", raw.speech_max_sessions, 8, 1..=1024);
        let (default, longest) = (Duration::from_millis(300), Duration::from_secs(60));
        let mock_delay = check.duration_in("MOCK_DELAY", raw.mock_delay, default, Duration::ZERO..=longest);
        let pairs = check.list(
            "SPEECH_PAIRS",
            raw.speech_pairs,
            PAIRS,
            "pairs of languages such as en-es,en-fr",
            Pairs::read,
        );
        let mut stage = |name, raw| {
            let choice = check.optional(name, raw, Choice::EXPECTED, Choice::read);
            if engine == Name::Cascade && !cfg!(feature = "models") && !matches!(choice, Some(Choice::Command(_))) {
                let found = choice.as_ref().map(ToString::to_string);
                check.problem(
                    name,
                    found.as_deref(),
                    "command:program and its words, since this build has no models",
                );
            }
            choice
        };
        let stages = Choices {
            asr: stage("SPEECH_ASR", raw.speech_asr),
            mt: stage("SPEECH_MT", raw.speech_mt),
            tts: stage("SPEECH_TTS", raw.speech_tts),
        };
        let rate = |text: &str| {
            text.trim()
                .parse()
                .ok()
                .filter(|rate| *rate == DUB_RATE || supported(*rate, DUB_RATE))
        };
        let expected = "a usual sample rate from 8000 to 48000";
        let tts_rate = check.parse("SPEECH_TTS_RATE", raw.speech_tts_rate, 22_050, expected, rate);
        let commands = Limits {
            processes: check.number("SPEECH_COMMAND_PROCESSES", raw.speech_command_processes, 4, 1..=64),
            timeout: check.duration_in(
                "SPEECH_COMMAND_TIMEOUT",
                raw.speech_command_timeout,
                Duration::from_secs(10),
                Duration::from_millis(100)..=Duration::from_secs(60),
            ),
        };
        let cut_cap = check.duration_in(
            "SPEECH_CUT_CAP",
            raw.speech_cut_cap,
            CUT_CAP,
            Duration::from_millis(1_500)..=Duration::from_secs(15),
        );
        let hub_home = raw.hf_home.map(PathBuf::from);
        let cache = hub_home
            .unwrap_or_else(|| hub_home_of(raw.xdg_cache_home, raw.home))
            .join("hub");
        let log = telemetry::Options::check(&mut check, raw.log, raw.log_format);
        check.finish()?;
        Ok(Self {
            mode,
            listen,
            engine,
            device,
            access,
            max_sessions,
            mock_delay,
            pairs: Pairs(distinct(pairs)),
            stages,
            tts_rate,
            commands,
            glossary_dir: raw.speech_glossary_dir.map(PathBuf::from),
            cut_cap,
            cache,
            log,
        })
    }
}

/// What was asked for to run the models on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A GPU if this build and this machine have one, else the processor.
    Auto,
    /// The processor.
    Cpu,
    /// An NVIDIA GPU.
    Cuda,
    /// An Apple GPU.
    Metal,
}

const DEVICES: [(&str, Wanted); 4] = [
    ("auto", Wanted::Auto),
    ("cpu", Wanted::Cpu),
    ("cuda", Wanted::Cuda),
    ("metal", Wanted::Metal),
];
const PAIRS: &str = "en-es";

/// Only what can never be right; whether the device is there is found out at the start.
fn check_device(check: &mut Check, raw: Option<String>, engine: Name, mode: Mode) -> Wanted {
    let device = check.choice("SPEECH_DEVICE", raw, Wanted::Auto, &DEVICES);
    if mode == Mode::Gpu {
        if engine != Name::Cascade {
            check.problem("SPEECH_ENGINE", Some(engine.as_str()), "cascade, since MODE is gpu");
        }
        if device != Wanted::Cuda {
            check.problem("SPEECH_DEVICE", Some(device.name()), "cuda, since MODE is gpu");
        } else if !cfg!(feature = "cuda") {
            check.problem(
                "SPEECH_DEVICE",
                Some("cuda, which this build does not support"),
                "a build with CUDA, since MODE is gpu: its images are dragoman-speech-cuda-80, -90 and -120",
            );
        }
        return device;
    }
    let built = match device {
        Wanted::Auto | Wanted::Cpu => true,
        Wanted::Cuda => cfg!(feature = "cuda"),
        Wanted::Metal => cfg!(feature = "metal"),
    };
    let expected = match engine {
        Name::Mock | Name::Echo => "auto or cpu, since mock and echo need nothing else",
        Name::Cascade if !built => "auto or cpu, since this build has no support for it (cargo features cuda, metal)",
        Name::Cascade => return device,
    };
    if !matches!(device, Wanted::Auto | Wanted::Cpu) {
        check.problem("SPEECH_DEVICE", Some(&format!("{:?}", device.name())), expected);
    }
    device
}

impl Wanted {
    fn name(self) -> &'static str {
        DEVICES
            .iter()
            .find(|(_, device)| *device == self)
            .map_or("auto", |(name, _)| name)
    }
}

/// Where the hub's own programs keep their files too. Without any home there is no cache, and a model that is asked for is missing.
fn hub_home_of(xdg_cache_home: Option<String>, home: Option<String>) -> PathBuf {
    let cache = xdg_cache_home.map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(home?).join(".cache")));
    cache.unwrap_or_else(|| PathBuf::from("/var/cache")).join("huggingface")
}

fn distinct(pairs: Vec<Pair>) -> Vec<Pair> {
    let mut kept: Vec<Pair> = Vec::new();
    for pair in pairs {
        if !kept.contains(&pair) {
            kept.push(pair);
        }
    }
    kept
}

/// What a service would run with, a variable a line, without secrets.
pub fn shown(config: &Config) -> String {
    let rows = [
        ("MODE", config.mode.name().to_owned()),
        ("SPEECH_LISTEN", config.listen.to_string()),
        ("SPEECH_ENGINE", config.engine.as_str().to_owned()),
        ("SPEECH_DEVICE", config.device.name().to_owned()),
        (
            "SPEECH_KEY",
            if config.access.is_open() {
                "not set"
            } else {
                "set, not shown"
            }
            .to_owned(),
        ),
        ("SPEECH_MAX_SESSIONS", config.max_sessions.to_string()),
        ("SPEECH_PAIRS", config.pairs.to_string()),
        ("SPEECH_ASR", chosen(&config.stages.asr)),
        ("SPEECH_MT", chosen(&config.stages.mt)),
        ("SPEECH_TTS", chosen(&config.stages.tts)),
        ("SPEECH_TTS_RATE", config.tts_rate.to_string()),
        ("SPEECH_COMMAND_TIMEOUT", parse::show_duration(config.commands.timeout)),
        ("SPEECH_COMMAND_PROCESSES", config.commands.processes.to_string()),
        (
            "SPEECH_GLOSSARY_DIR",
            config
                .glossary_dir
                .as_ref()
                .map_or_else(|| "not set".to_owned(), |dir| dir.display().to_string()),
        ),
        ("SPEECH_CUT_CAP", parse::show_duration(config.cut_cap)),
        (
            "HF_HOME",
            config.cache.parent().unwrap_or(&config.cache).display().to_string(),
        ),
        ("MOCK_DELAY", parse::show_duration(config.mock_delay)),
        ("LOG", config.log.filter.clone()),
        ("LOG_FORMAT", config.log.format.name().to_owned()),
    ];
    rows.iter().map(|(name, value)| format!("{name}={value}\n")).collect()
}

fn chosen(choice: &Option<Choice>) -> String {
    choice
        .as_ref()
        .map_or_else(|| "by device".to_owned(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(vars: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::from_vars(&Vars::new(vars.iter().copied()))
    }

    #[test]
    fn defaults_are_the_documented_ones() {
        let config = read(&[]).unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:8090");
        assert_eq!((config.engine, config.max_sessions), (Name::Mock, 8));
        assert_eq!(config.mock_delay, Duration::from_millis(300));
        assert!(config.access.is_open());
    }

    #[test]
    fn a_cascade_is_chosen_stage_by_stage() {
        let config = read(&[
            ("SPEECH_ENGINE", "cascade"),
            ("SPEECH_PAIRS", "en-es, en-fr,en-es"),
            ("SPEECH_ASR", "command:hear -x"),
            ("SPEECH_MT", "command-lines:translate {source}"),
            ("SPEECH_TTS", "command:speak"),
            ("HF_HOME", "/models"),
        ])
        .unwrap();
        assert_eq!(config.cache, PathBuf::from("/models/hub"));
        let shown = shown(&config);
        for line in [
            "SPEECH_PAIRS=en-es,en-fr",
            "SPEECH_ASR=command:hear -x",
            "SPEECH_MT=command-lines:translate {source}",
            "SPEECH_CUT_CAP=7000ms",
        ] {
            assert!(shown.lines().any(|shown| shown == line), "{shown}");
        }
        let model = read(&[("SPEECH_ENGINE", "cascade"), ("SPEECH_ASR", "whisper-base")]);
        assert_eq!(model.is_ok(), cfg!(feature = "models"));
    }

    #[test]
    fn every_problem_is_listed_and_no_key_is_shown() {
        let text = read(&[
            ("SPEECH_LISTEN", "0.0.0.0:8090"),
            ("SPEECH_ENGINE", "magic"),
            ("SPEECH_DEVICE", "gpu"),
            ("SPEECH_PAIRS", "en"),
            ("SPEECH_ASR", "command:"),
            ("SPEECH_MAX_SESSIONS", "0"),
            ("MOCK_DELAY", "soon"),
        ])
        .unwrap_err()
        .to_string();
        insta::assert_snapshot!(text, @r#"
        bad configuration, 7 problems:
          SPEECH_ENGINE: found "magic", expected one of mock, echo, cascade
          SPEECH_DEVICE: found "gpu", expected one of auto, cpu, cuda, metal
          SPEECH_KEY: not set, expected a key, since 0.0.0.0:8090 can be reached from other machines (or ALLOW_OPEN=1)
          SPEECH_MAX_SESSIONS: found "0", expected a number from 1 to 1024
          MOCK_DELAY: found "soon", expected a duration such as 2.5s, 1500ms, 10m or 0, from 0 to 60000ms
          SPEECH_PAIRS: found "en", expected pairs of languages such as en-es,en-fr
          SPEECH_ASR: found "command:", expected a model's name, an absolute directory, or command:program and its words
        "#);
        let gpu = read(&[("MODE", "gpu"), ("ALLOW_OPEN", "1")]).unwrap_err().to_string();
        for part in [
            "SPEECH_DEVICE: found auto, expected cuda, since MODE is gpu",
            "ALLOW_OPEN: found 1",
        ] {
            assert!(gpu.contains(part), "{gpu}");
        }
        let split = read(&[("MODE", "split")]).unwrap_err().to_string();
        assert!(split.contains("SPEECH_KEY: not set"), "{split}");
        assert_eq!(
            read(&[("MODE", "split"), ("SPEECH_KEY", "k")]).unwrap().mode,
            Mode::Split
        );
        let text = read(&[("SPEECH_DEVICE", "cuda")]).unwrap_err().to_string();
        assert!(text.contains("auto or cpu, since mock"), "{text}");
        let text = read(&[("SPEECH_KEY", "two words")]).unwrap_err().to_string();
        assert!(text.contains("SPEECH_KEY") && !text.contains("two words"), "{text}");
    }
}
