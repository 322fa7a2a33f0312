//! Language pairs: which ones a cascade has, and what a client is told that asks for another one.

use std::fmt;

use dragoman_service::config::parse;

use super::Stages;
use super::stage::{primary, same};
use crate::engine::Unsupported;

/// From one language to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Spoken.
    pub from: String,
    /// Wanted.
    pub to: String,
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.from, self.to)
    }
}

/// What `SPEECH_PAIRS` says: `en-es,en-fr`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pairs(pub Vec<Pair>);

impl fmt::Display for Pairs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs: Vec<String> = self.0.iter().map(Pair::to_string).collect();
        f.write_str(&pairs.join(","))
    }
}

impl Pairs {
    /// Reads one pair of primary languages.
    pub fn read(text: &str) -> Option<Pair> {
        let (from, to) = text.trim().split_once('-')?;
        let language = |tag: &str| parse::language(tag).filter(|tag| !tag.contains('-') && tag != "auto");
        let (from, to) = (language(from)?, language(to)?);
        (from != to).then_some(Pair { from, to })
    }

    /// Languages that something is dubbed into, each once.
    pub fn targets(&self) -> Vec<String> {
        let mut targets: Vec<String> = Vec::new();
        for pair in &self.0 {
            if !targets.contains(&pair.to) {
                targets.push(pair.to.clone());
            }
        }
        targets
    }

    /// Languages that something is dubbed from, each once.
    pub fn sources(&self) -> Vec<String> {
        let mut sources: Vec<String> = Vec::new();
        for pair in &self.0 {
            if !sources.contains(&pair.from) {
                sources.push(pair.from.clone());
            }
        }
        sources
    }

    /// Whether one of them is this one, whatever the regions.
    pub fn has(&self, from: &str, to: &str) -> bool {
        self.0.iter().any(|pair| same(&pair.from, from) && same(&pair.to, to))
    }

    /// What is wrong with loaded stages, if they cannot do all of this.
    pub(super) fn missing(&self, stages: &Stages) -> Option<String> {
        self.0.iter().find_map(|pair| {
            let Pair { from, to } = pair;
            if !stages.recognise.recognises(from) {
                return Some(format!(
                    "the recogniser does not understand {from:?} of the pair {pair}"
                ));
            }
            let by_ear = to == "en" && stages.recognise.hears_english();
            if !by_ear && !stages.translate.translates(from, to) {
                return Some(format!("there is no translation for the pair {pair}"));
            }
            let speaks = stages.synthesise.speaks(to);
            (!speaks).then(|| format!("no voice speaks {to:?} of the pair {pair}"))
        })
    }

    /// Whether a session can be had for this; the message lists what exists.
    pub(super) fn supports(
        &self,
        stages: &Stages,
        source: &str,
        target: &str,
        voice: Option<&str>,
    ) -> Result<(), Unsupported> {
        let unsupported = |what: String| Err(Unsupported::Pair(format!("{what}; {}", self.list(stages))));
        let auto = source.eq_ignore_ascii_case("auto");
        if target.eq_ignore_ascii_case("auto") {
            return unsupported("a target is a language, not auto".into());
        }
        if !auto && same(source, target) {
            return unsupported(format!("{source} is not dubbed into itself"));
        }
        if auto && !stages.recognise.recognises("auto") {
            return unsupported("the recogniser does not find out which language is spoken, so name it".into());
        }
        let by_pair = self
            .0
            .iter()
            .any(|pair| same(&pair.to, target) && (auto || same(&pair.from, source)));
        let by_ear = self.hears_into(stages, target) && (auto || stages.recognise.recognises(primary(source)));
        if !by_pair && !by_ear {
            return unsupported(format!("nothing dubs {source} into {target}"));
        }
        match voice {
            Some(voice) if !stages.synthesise.has_voice(target, voice) => {
                let voices = stages.synthesise.voices(target).join(", ");
                Err(Unsupported::Voice(format!(
                    "no voice {voice:?} for {target}; there are: {voices}"
                )))
            }
            _ => Ok(()),
        }
    }

    /// Whether the recogniser itself writes in this language, and it is spoken by a voice that is loaded.
    pub(super) fn hears_into(&self, stages: &Stages, target: &str) -> bool {
        same(target, "en") && stages.recognise.hears_english() && self.targets().iter().any(|lang| lang == "en")
    }

    fn list(&self, stages: &Stages) -> String {
        let more = if self.hears_into(stages, "en") {
            ", and everything that is recognised into en"
        } else {
            ""
        };
        format!("there are: {}{more}", self.to_string().replace(',', ", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_read_and_shown_alike() {
        let pair = |text| Pairs::read(text).map(|pair| pair.to_string());
        assert_eq!(pair("en-es").as_deref(), Some("en-es"));
        assert_eq!(pair(" EN-es ").as_deref(), Some("en-es"));
        for bad in [
            "en", "en-", "-es", "en-en", "auto-es", "en-auto", "en-pt-br", "e n-es", "",
        ] {
            assert_eq!(pair(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn regions_make_no_difference() {
        let pairs = Pairs(vec![Pairs::read("en-pt").unwrap(), Pairs::read("en-es").unwrap()]);
        assert!(pairs.has("en-GB", "pt-br") && !pairs.has("pt-br", "en"));
        assert_eq!((pairs.to_string().as_str(), pairs.targets().len()), ("en-pt,en-es", 2));
    }
}
