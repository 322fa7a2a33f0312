//! Logs on stderr, as text or as one JSON object a line.
//!
//! Stdout stays free for machine-readable lines. Messages are lower case without a period; values are fields.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::SystemTime;

use crate::config::Check;

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people; coloured on a terminal.
    Text,
    /// One JSON object a line.
    Json,
}

/// What is logged and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Directives of `tracing_subscriber::EnvFilter`, such as `info,dragoman_media=debug`.
    pub filter: String,
    /// The look of a line.
    pub format: Format,
}

impl Format {
    /// As `LOG_FORMAT` spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

impl Options {
    /// Judges `LOG` (default `info`) and `LOG_FORMAT` (default `text`).
    pub fn check(check: &mut Check, log: Option<String>, log_format: Option<String>) -> Self {
        let expected = "log directives such as info or info,dragoman_media=debug";
        let filter = check.parse("LOG", log, "info".to_owned(), expected, |text| {
            EnvFilter::try_new(text).ok().map(|_| text.to_owned())
        });
        let formats = [("text", Format::Text), ("json", Format::Json)];
        let format = check.choice("LOG_FORMAT", log_format, Format::Text, &formats);
        Self { filter, format }
    }
}

/// Starts logging for the process and sends panics to the log. An error when logging has already been started.
pub fn init(options: &Options) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&options.filter)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_timer(SystemTime)
        // Reported on stderr, which panics when its reader is gone: a lost log must not end a programme.
        .log_internal_errors(false);
    let started = match options.format {
        Format::Text => builder.with_ansi(std::io::stderr().is_terminal()).try_init(),
        Format::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("start logging: {error}"))?;
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, message = panic.payload_as_str().unwrap_or("no message"), "panic");
    }));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_judged() {
        let mut check = Check::new();
        let options = Options::check(&mut check, None, Some("json".into()));
        assert_eq!(
            options,
            Options {
                filter: "info".into(),
                format: Format::Json
            }
        );
        assert_eq!(check.finish(), Ok(()));

        let mut check = Check::new();
        Options::check(&mut check, Some("info,=x=y".into()), Some("xml".into()));
        assert_eq!(check.finish().unwrap_err().problems().len(), 2);
    }
}
