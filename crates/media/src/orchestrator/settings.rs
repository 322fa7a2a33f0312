//! What a publisher may choose for its stream in the query of its publish URL, and what it gets otherwise.
//!
//! `?source=en&targets=es,fr&hold=1500ms`; `target=es` is one target. Other keys are not ours (routers carry
//! credentials there) and are neither judged nor kept.

use std::time::Duration;

use dragoman_service::config::parse;
use url::form_urlencoded;

/// More languages of one stream would not fit a worker's share of a core.
pub const MAX_TARGETS: usize = 4;
/// A longer hold is memory without use: no engine needs it.
pub const MAX_HOLD: Duration = Duration::from_secs(30);
/// The source language is recognised.
pub const AUTO: &str = "auto";

/// Languages and hold of one stream, fixed for a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// BCP-47, or [`AUTO`].
    pub source: String,
    /// BCP-47, lower case, at least one, none twice.
    pub targets: Vec<String>,
    /// `H`.
    pub hold: Duration,
}

impl Settings {
    /// These settings with what `query` overrides; the error says what is wrong, for the publisher to read.
    pub fn overridden_by(&self, query: &str) -> Result<Settings, String> {
        let (mut source, mut targets, mut hold) = (None, None, None);
        for (key, value) in form_urlencoded::parse(query.trim_start_matches('?').as_bytes()) {
            match key.as_ref() {
                "source" => once(&mut source, "source", parse_source(&value)?)?,
                "target" => once(&mut targets, "target", vec![parse_language("target", &value)?])?,
                "targets" => once(&mut targets, "targets", parse_targets(&value)?)?,
                "hold" => once(&mut hold, "hold", parse_hold(&value)?)?,
                _ => {}
            }
        }
        let settings = Settings {
            source: source.unwrap_or_else(|| self.source.clone()),
            targets: targets.unwrap_or_else(|| self.targets.clone()),
            hold: hold.unwrap_or(self.hold),
        };
        settings.check()?;
        Ok(settings)
    }

    /// What no single value shows: a stream is not dubbed into its own language.
    pub fn check(&self) -> Result<(), String> {
        match self.targets.iter().find(|t| **t == self.source) {
            Some(same) => Err(format!("target {same:?} is the source language")),
            None => Ok(()),
        }
    }
}

fn once<T>(slot: &mut Option<T>, key: &str, value: T) -> Result<(), String> {
    match slot.replace(value) {
        Some(_) => Err(format!("{key} is given twice")),
        None => Ok(()),
    }
}

/// `auto` or a language.
pub fn parse_source(text: &str) -> Result<String, String> {
    if text == AUTO {
        Ok(AUTO.to_owned())
    } else {
        parse_language("source", text)
    }
}

/// A comma-separated list of one to [`MAX_TARGETS`] languages.
pub fn parse_targets(text: &str) -> Result<Vec<String>, String> {
    let mut targets = Vec::new();
    for item in text.split(',') {
        let target = parse_language("target", item.trim())?;
        if targets.contains(&target) {
            return Err(format!("target {target:?} is given twice"));
        }
        targets.push(target);
    }
    match targets.len() {
        n if n > MAX_TARGETS => Err(format!("{n} targets, at most {MAX_TARGETS} are served")),
        _ => Ok(targets),
    }
}

/// `0`, `1500ms` or `2.5s`, up to [`MAX_HOLD`].
pub fn parse_hold(text: &str) -> Result<Duration, String> {
    match parse::duration(text) {
        Some(hold) if hold <= MAX_HOLD => Ok(hold),
        _ => Err(format!(
            "hold {:?} is no duration from 0 to 30s, such as 1500ms or 2.5s",
            shown(text)
        )),
    }
}

/// Whether the engine speaks it, the engine says.
fn parse_language(what: &str, text: &str) -> Result<String, String> {
    parse::language(text).ok_or_else(|| format!("{what} {:?} is no language tag, such as es or pt-BR", shown(text)))
}

/// Foreign text, cut to what a message can hold.
fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn defaults() -> Settings {
        Settings {
            source: AUTO.into(),
            targets: vec!["es".into()],
            hold: Duration::from_millis(2500),
        }
    }

    #[test]
    fn a_query_overrides_what_it_names() {
        let got = defaults()
            .overridden_by("source=en&targets=ES,fr&hold=1500ms&user=u&pass=p")
            .unwrap();
        let want = Settings {
            source: "en".into(),
            targets: vec!["es".into(), "fr".into()],
            hold: Duration::from_millis(1500),
        };
        assert_eq!(got, want);
        assert_eq!(defaults().overridden_by("").unwrap(), defaults());
        assert_eq!(
            defaults().overridden_by("targets=es%2Cfr").unwrap().targets,
            ["es", "fr"]
        );
        assert_eq!(
            defaults().overridden_by("?target=pt-BR&hold=0").unwrap().targets,
            ["pt-br"]
        );
    }

    #[test]
    fn a_bad_query_says_what_is_wrong() {
        for (query, says) in [
            ("source=english", "source \"english\""),
            ("targets=", "target \"\""),
            ("targets=es,es", "given twice"),
            ("targets=es,ES", "given twice"),
            ("target=es&targets=fr", "given twice"),
            ("targets=a1,fr", "target \"a1\""),
            ("targets=es,fr,de,it,pt", "5 targets, at most 4"),
            ("hold=31s", "hold \"31s\""),
            ("hold=-1s", "hold \"-1s\""),
            ("hold=soon", "hold \"soon\""),
            ("source=es", "is the source language"),
        ] {
            let error = defaults().overridden_by(query).unwrap_err();
            assert!(error.contains(says), "{query}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_query_is_judged(query in "[ -~]{0,60}|(source|target|targets|hold)=[a-z0-9,%.-]{0,40}(&(source|target|hold)=[a-z,0-9]{0,9})?") {
            match defaults().overridden_by(&query) {
                Ok(settings) => {
                    prop_assert!(!settings.targets.is_empty() && settings.targets.len() <= MAX_TARGETS);
                    prop_assert!(settings.hold <= MAX_HOLD);
                }
                Err(reason) => prop_assert!(!reason.is_empty() && reason.len() < 200),
            }
        }
    }
}
