//! Text between the models: made ready for speaking, cut into clauses, with the words that a stream's owner chose.
//!
//! ```text
//!  recognised ─▶ Glossary::translate ─▶ translated ─▶ Clauses ─▶ prepare ─▶ synthesis
//!                  (around the model)     (growing)                └─▶ estimate_ms
//! ```
//!
//! Pure, but for [`glossary::Glossaries`], which reads files. Seven languages are known in full ([`Lang`]); text of any other
//! only loses markup and emoji.

pub mod clauses;
pub mod duration;
pub mod glossary;
pub(crate) mod lang;
pub mod prepare;

pub use clauses::Clauses;
pub use duration::estimate_ms;
pub use glossary::{Glossaries, Glossary};
pub use prepare::prepare;

/// A language whose numbers, units and abbreviations are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lang {
    /// English.
    En,
    /// French.
    Fr,
    /// German.
    De,
    /// Portuguese; numbers as in Brazil, but "mil milhões", which is understood on both sides.
    Pt,
    /// Italian.
    It,
    /// Spanish.
    Es,
    /// Dutch.
    Nl,
}

impl Lang {
    /// All of them.
    pub const ALL: [Lang; 7] = [Lang::En, Lang::Fr, Lang::De, Lang::Pt, Lang::It, Lang::Es, Lang::Nl];

    /// The language of a tag such as `pt`, `pt-BR` or `PT_br`: only the first part counts.
    pub fn of(tag: &str) -> Option<Lang> {
        let first = tag.split(['-', '_']).next().unwrap_or_default();
        Lang::ALL
            .into_iter()
            .find(|lang| lang.tag().eq_ignore_ascii_case(first))
    }

    /// Its ISO 639-1 code.
    pub fn tag(self) -> &'static str {
        match self {
            Lang::En => "en",
            Lang::Fr => "fr",
            Lang::De => "de",
            Lang::Pt => "pt",
            Lang::It => "it",
            Lang::Es => "es",
            Lang::Nl => "nl",
        }
    }
}
