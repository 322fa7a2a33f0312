//! Collecting the problems of a configuration.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::LazyLock;
use std::time::Duration;

use url::Url;

use super::{Mode, Secret, parse};
use crate::auth::{self, Access, Keys};

/// One variable that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The variable.
    pub name: String,
    /// What was found; `None`: it is not set. Never a secret's value.
    pub found: Option<String>,
    /// What is expected.
    pub expected: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.found {
            Some(found) => write!(f, "{}: found {found}, expected {}", self.name, self.expected),
            None => write!(f, "{}: not set, expected {}", self.name, self.expected),
        }
    }
}

/// Everything that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(Vec<Problem>);

impl ConfigError {
    /// The problems in the order in which they were found.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.0
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0.len() == 1 { "problem" } else { "problems" };
        write!(f, "bad configuration, {} {plural}:", self.0.len())?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl std::error::Error for ConfigError {}

/// What stands in for a URL that could not be read; never used, since [`Check::finish`] then fails.
static NO_URL: LazyLock<Url> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "a constant, tried by a test")]
    Url::parse("none://none").expect("constant")
});

/// Judges values and remembers every problem.
///
/// Each method gives a usable value even after a problem (the default, or a stand-in), so that the caller builds its
/// whole configuration in one go and asks [`Check::finish`] at the end.
#[derive(Debug, Default)]
#[must_use = "problems are lost unless finish() is asked"]
pub struct Check {
    problems: Vec<Problem>,
    /// Variables that are set to nothing, by the names that they are for (which are others for `<NAME>_FILE`).
    blank: BTreeMap<String, String>,
    pub(super) mode: Mode,
}

impl Check {
    /// Nothing judged yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// `Ok` when nothing was wrong.
    pub fn finish(self) -> Result<(), ConfigError> {
        if self.problems.is_empty() {
            Ok(())
        } else {
            Err(ConfigError(self.problems))
        }
    }

    /// Notes a problem. URLs in `found` are shown as [`parse::redacted`] leaves them; a secret does not belong there.
    pub fn problem(&mut self, name: &str, found: Option<&str>, expected: &str) {
        let found = found.map(parse::redacted);
        self.problems.push(Problem {
            name: name.to_owned(),
            found,
            expected: expected.to_owned(),
        });
    }

    /// `raw` read by `read`, or `default` when it is not set.
    pub fn parse<T>(
        &mut self,
        name: &str,
        raw: Option<String>,
        default: T,
        expected: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> T {
        self.optional(name, raw, expected, read).unwrap_or(default)
    }

    /// `raw` read by `read`, if it is set.
    pub fn optional<T>(
        &mut self,
        name: &str,
        raw: Option<String>,
        expected: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let raw = raw?;
        let value = read(&raw);
        if value.is_none() {
            self.problem(name, Some(&format!("{:?}", parse::redacted(&raw))), expected);
        }
        value
    }

    /// `raw` read by `read`; not set is a problem too. `None` only after a problem.
    pub fn required<T>(
        &mut self,
        name: &str,
        raw: Option<String>,
        expected: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        if raw.is_none() {
            self.problem(name, None, expected);
        }
        self.optional(name, raw, expected, read)
    }

    /// A text as it is.
    pub fn text(&mut self, raw: Option<String>, default: &str) -> String {
        raw.unwrap_or_else(|| default.to_owned())
    }

    /// A duration with its unit.
    pub fn duration(&mut self, name: &str, raw: Option<String>, default: Duration) -> Duration {
        self.parse(name, raw, default, parse::DURATION, parse::duration)
    }

    /// A duration within `range`.
    pub fn duration_in(
        &mut self,
        name: &str,
        raw: Option<String>,
        default: Duration,
        range: RangeInclusive<Duration>,
    ) -> Duration {
        let [low, high] = [range.start(), range.end()].map(|bound| parse::show_duration(*bound));
        let expected = format!("{}, from {low} to {high}", parse::DURATION);
        let read = |text: &str| parse::duration(text).filter(|value| range.contains(value));
        self.parse(name, raw, default, &expected, read)
    }

    /// A whole number (or any other number) within `range`.
    pub fn number<T>(&mut self, name: &str, raw: Option<String>, default: T, range: RangeInclusive<T>) -> T
    where
        T: FromStr + PartialOrd + fmt::Display,
    {
        let expected = format!("a number from {} to {}", range.start(), range.end());
        let read = |text: &str| text.trim().parse().ok().filter(|value| range.contains(value));
        self.parse(name, raw, default, &expected, read)
    }

    /// A switch that is off when not set.
    pub fn flag(&mut self, name: &str, raw: Option<String>) -> bool {
        self.parse(name, raw, false, "1 or 0", parse::flag)
    }

    /// One of a few words.
    pub fn choice<T: Clone>(&mut self, name: &str, raw: Option<String>, default: T, choices: &[(&str, T)]) -> T {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let read = |text: &str| {
            choices
                .iter()
                .find(|(word, _)| *word == text.trim())
                .map(|(_, value)| value.clone())
        };
        self.parse(name, raw, default, &format!("one of {}", words.join(", ")), read)
    }

    /// A comma-separated list with at least one item; `default` is written as the variable would be.
    pub fn list<T>(
        &mut self,
        name: &str,
        raw: Option<String>,
        default: &str,
        expected: &str,
        item: impl FnMut(&str) -> Option<T>,
    ) -> Vec<T> {
        let raw = raw.or_else(|| Some(default.to_owned()));
        self.parse(name, raw, Vec::new(), expected, |text| parse::list(text, item))
    }

    /// A list of distinct languages, lower case.
    pub fn languages(&mut self, name: &str, raw: Option<String>, default: &str) -> Vec<String> {
        let mut seen = std::collections::BTreeSet::new();
        self.list(
            name,
            raw,
            default,
            "distinct languages by their BCP-47 tags, such as es,pt-br",
            |text| parse::language(text).filter(|tag| seen.insert(tag.clone())),
        )
    }

    /// A socket address; `default` is written as the variable would be.
    pub fn address(&mut self, name: &str, raw: Option<String>, default: &str) -> SocketAddr {
        let raw = raw.or_else(|| Some(default.to_owned()));
        let none = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        self.parse(
            name,
            raw,
            none,
            "an address and port such as 127.0.0.1:8080 or [::1]:8080",
            parse::address,
        )
    }

    /// A URL with one of `schemes`; `default` is written as the variable would be.
    pub fn url(&mut self, name: &str, raw: Option<String>, default: &str, schemes: &[&str]) -> Url {
        let raw = raw.or_else(|| Some(default.to_owned()));
        let expected = format!("a URL that starts with {}", schemes_text(schemes));
        self.parse(name, raw, NO_URL.clone(), &expected, |text| parse::url(text, schemes))
    }

    /// A list of URLs with one of `schemes`, separated by commas, blanks or lines; `default` is written as the variable
    /// would be.
    pub fn urls(&mut self, name: &str, raw: Option<String>, default: &str, schemes: &[&str]) -> Vec<Url> {
        let expected = format!("URLs that start with {}, separated by commas", schemes_text(schemes));
        let raw = raw.or_else(|| Some(default.to_owned()));
        self.parse(name, raw, Vec::new(), &expected, |text| parse::urls(text, schemes).ok())
    }

    /// Remembers that `variable`, which is for `name`, is set to nothing: as good as not set, unless it is a secret.
    pub(super) fn blank(&mut self, name: &str, variable: &str) {
        self.blank.insert(name.to_owned(), variable.to_owned());
    }

    /// Whether `name` is set to nothing.
    #[must_use]
    pub fn is_blank(&self, name: &str) -> bool {
        self.blank.contains_key(name)
    }

    /// A secret that is set to nothing was meant to be one: what should have filled it did not, and must not open a door.
    fn refuse_blank(&mut self, name: &str) {
        if let Some(variable) = self.blank.get(name).cloned() {
            self.problem(
                &variable,
                Some("nothing"),
                "a secret, or the variable not to be set at all",
            );
        }
    }

    /// A secret that this service sends: printable, without spaces, so that it fits into a header. One that is set to
    /// nothing is a problem.
    pub fn secret(&mut self, name: &str, raw: Option<String>) -> Option<Secret> {
        let Some(raw) = raw else {
            self.refuse_blank(name);
            return None;
        };
        if raw.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Some(Secret::new(raw));
        }
        self.problem(
            name,
            Some("a value that is not shown"),
            "printable ASCII without spaces",
        );
        None
    }

    /// The keys that this service accepts. None that are set to nothing.
    pub fn keys(&mut self, name: &str, raw: Option<String>) -> Option<Keys> {
        let Some(raw) = raw else {
            self.refuse_blank(name);
            return None;
        };
        match Keys::parse(&raw) {
            Ok(keys) => Some(keys),
            Err(bad) => {
                self.problem(
                    name,
                    Some(&format!("a bad key at place {}, not shown", bad.place)),
                    auth::KEYS_EXPECTED,
                );
                None
            }
        }
    }

    /// Who may use the listener at `addr`: whoever has one of the keys in `key_name`; anybody, where there is no key
    /// and `addr` is loopback or `ALLOW_OPEN` is set. Anything else is a problem.
    pub fn access(&mut self, key_name: &str, raw: Option<String>, addr: SocketAddr, allow_open: bool) -> Access {
        let given = raw.is_some() || self.is_blank(key_name);
        let keys = self.keys(key_name, raw);
        if let Err(expected) = auth::listener_policy(addr, given, allow_open) {
            let way_out = if self.mode == Mode::Cpu {
                " (or ALLOW_OPEN=1)"
            } else {
                ""
            };
            self.problem(key_name, None, &format!("{expected}{way_out}"));
        }
        keys.map_or(Access::Open, Access::Keyed)
    }
}

fn schemes_text(schemes: &[&str]) -> String {
    schemes
        .iter()
        .map(|scheme| format!("{scheme}://"))
        .collect::<Vec<_>>()
        .join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn every_problem_is_listed_and_no_secret_is() {
        let mut check = Check::new();
        check.duration("HOLD", set("2,5s"), Duration::ZERO);
        check.duration_in(
            "MAX_WAIT",
            set("1h"),
            Duration::ZERO,
            Duration::ZERO..=Duration::from_secs(60),
        );
        check.number("MEDIA_MAX_STREAMS", set("0"), 8, 1..=64);
        check.languages("TARGETS", set("es,es"), "es");
        check.choice("MODE", set("gpus"), 0, &[("cpu", 0), ("gpu", 1), ("split", 2)]);
        check.urls(
            "SPEECH_URL",
            set("wss://me:hunter2@host,http://b?key=hunter2"),
            "ws://127.0.0.1:8090",
            &["ws", "wss"],
        );
        check.url("ROUTER_URL", set("rtmp:///live"), "", &["rtmp", "rtmps"]);
        check.flag("ALLOW_OPEN", set("maybe"));
        check.secret("ROUTER_PASS", set("hunter2 with spaces"));
        let listen = check.address("MEDIA_LISTEN", set("0.0.0.0:8080"), "127.0.0.1:8080");
        check.access("MEDIA_API_KEY", None, listen, false);
        check.access("SPEECH_KEY", set("good,sha256:hunter2"), listen, false);
        check.required("SPEECH_URL", None, "a URL, since MODE is split", |text| {
            Some(text.to_owned())
        });
        let text = check.finish().unwrap_err().to_string();
        assert!(!text.contains("hunter2"), "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn defaults_are_used_and_are_no_problem() {
        let mut check = Check::new();
        assert_eq!(
            check.duration("HOLD", None, Duration::from_secs(2)),
            Duration::from_secs(2)
        );
        assert_eq!(check.languages("TARGETS", None, "es,pt-BR"), ["es", "pt-br"]);
        assert_eq!(check.url("U", None, "ws://h:1", &["ws"]).as_str(), "ws://h:1/");
        let listen = check.address("L", None, "127.0.0.1:1");
        assert!(check.access("K", None, listen, false).is_open());
        assert!(!check.access("K", set("k"), listen, false).is_open());
        assert_eq!(check.finish(), Ok(()));
        assert_eq!(NO_URL.scheme(), "none");
    }
}
