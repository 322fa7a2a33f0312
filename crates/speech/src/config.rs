//! Configuration: envy reads, [`Check`] judges, every problem is listed at once.

use std::net::SocketAddr;
use std::time::Duration;

use dragoman_service::auth::Access;
use dragoman_service::config::{Check, ConfigError, Vars, parse};
use dragoman_service::telemetry;
use serde::Deserialize;

use crate::engine::Name;

/// The variables as they are found.
#[derive(Default, Deserialize)]
pub struct Raw {
    speech_listen: Option<String>,
    speech_engine: Option<String>,
    speech_device: Option<String>,
    speech_key: Option<String>,
    speech_max_sessions: Option<String>,
    mock_delay: Option<String>,
    allow_open: Option<String>,
    log: Option<String>,
    log_format: Option<String>,
}

/// The configuration of a speech service.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Which engine runs.
    pub engine: Name,
    /// Who may use it.
    pub access: Access,
    /// Most sessions at once, those that wait for a lost client included.
    pub max_sessions: usize,
    /// How long `mock` and `echo` take.
    pub mock_delay: Duration,
    /// What is logged and how.
    pub log: telemetry::Options,
}

impl Config {
    /// Judges the variables of a process.
    pub fn from_vars(vars: &Vars) -> Result<Self, ConfigError> {
        let mut check = Check::new();
        let raw: Raw = vars.read(&mut check);
        let listen = check.address("SPEECH_LISTEN", raw.speech_listen, "127.0.0.1:8090");
        let engines = [("mock", Name::Mock), ("echo", Name::Echo)];
        let engine = check.choice("SPEECH_ENGINE", raw.speech_engine, Name::Mock, &engines);
        check.choice("SPEECH_DEVICE", raw.speech_device, (), &[("cpu", ())]);
        let allow_open = check.flag("ALLOW_OPEN", raw.allow_open);
        let access = check.access("SPEECH_KEY", raw.speech_key, listen, allow_open);
        let max_sessions = check.number("SPEECH_MAX_SESSIONS", raw.speech_max_sessions, 8, 1..=1024);
        let (default, longest) = (Duration::from_millis(300), Duration::from_secs(60));
        let mock_delay = check.duration_in("MOCK_DELAY", raw.mock_delay, default, Duration::ZERO..=longest);
        let log = telemetry::Options::check(&mut check, raw.log, raw.log_format);
        check.finish()?;
        Ok(Self {
            listen,
            engine,
            access,
            max_sessions,
            mock_delay,
            log,
        })
    }
}

/// What a service would run with, a variable a line, without secrets.
pub fn shown(config: &Config) -> String {
    let rows = [
        ("SPEECH_LISTEN", config.listen.to_string()),
        ("SPEECH_ENGINE", config.engine.as_str().to_owned()),
        ("SPEECH_DEVICE", "cpu".to_owned()),
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
        ("MOCK_DELAY", parse::show_duration(config.mock_delay)),
        ("LOG", config.log.filter.clone()),
        ("LOG_FORMAT", config.log.format.name().to_owned()),
    ];
    rows.iter().map(|(name, value)| format!("{name}={value}\n")).collect()
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
    fn every_problem_is_listed_and_no_key_is_shown() {
        let text = read(&[
            ("SPEECH_LISTEN", "0.0.0.0:8090"),
            ("SPEECH_ENGINE", "cascade"),
            ("SPEECH_DEVICE", "cuda"),
            ("SPEECH_MAX_SESSIONS", "0"),
            ("MOCK_DELAY", "soon"),
        ])
        .unwrap_err()
        .to_string();
        insta::assert_snapshot!(text, @r#"
        bad configuration, 5 problems:
          SPEECH_ENGINE: found "cascade", expected one of mock, echo
          SPEECH_DEVICE: found "cuda", expected one of cpu
          SPEECH_KEY: not set, expected a key, since 0.0.0.0:8090 can be reached from other machines (or ALLOW_OPEN=1)
          SPEECH_MAX_SESSIONS: found "0", expected a number from 1 to 1024
          MOCK_DELAY: found "soon", expected a duration such as 2.5s, 1500ms, 10m or 0, from 0 to 60000ms
        "#);
        let text = read(&[("SPEECH_KEY", "two words")]).unwrap_err().to_string();
        assert!(text.contains("SPEECH_KEY") && !text.contains("two words"), "{text}");
    }
}
