//! The voices of Pocket TTS that may be used for anything, each with its own licence.
//!
//! `jean` and `cosette` are not here: their recordings (EARS, Expresso) are for non-commercial use only. Where nobody has stated
//! a licence, `NOASSERTION` says so, and whoever broadcasts with that voice has to find out.

/// A voice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Voice {
    /// Its name, and that of its file.
    pub name: &'static str,
    /// The language that it speaks without an accent.
    pub language: &'static str,
    /// SPDX, or `NOASSERTION`.
    pub licence: &'static str,
    /// Where the recording comes from.
    pub source: &'static str,
}

const VCTK: (&str, &str) = ("CC-BY-4.0", "CSTR VCTK Corpus, University of Edinburgh");
const DONATED: (&str, &str) = ("CC0-1.0", "Unmute voice donations");
const ZERO: (&str, &str) = ("CC0-1.0", "voice-zero, LibriVox");

/// All of them, those of each language with its default first.
pub(super) const VOICES: [Voice; 25] = [
    voice("alba", "en", ("CC-BY-4.0", "Alba MacKenna")),
    voice("anna", "en", VCTK),
    voice("azelma", "en", VCTK),
    voice("bill_boerst", "en", ZERO),
    voice("caro_davy", "en", ZERO),
    voice("charles", "en", VCTK),
    voice("eponine", "en", VCTK),
    voice("eve", "en", VCTK),
    voice("fantine", "en", VCTK),
    voice("george", "en", VCTK),
    voice("jane", "en", VCTK),
    voice("javert", "en", DONATED),
    voice("marius", "en", DONATED),
    voice("mary", "en", VCTK),
    voice("michael", "en", VCTK),
    voice("paul", "en", VCTK),
    voice("peter_yearsley", "en", ZERO),
    voice("stuart_bell", "en", ZERO),
    voice("vera", "en", VCTK),
    voice("estelle", "fr", ("CC0-1.0", "Kyutai, Unmute")),
    voice(
        "juergen",
        "de",
        ("NOASSERTION", "a data set of the Mozilla Data Collective"),
    ),
    voice("rafael", "pt", ("NOASSERTION", "not stated")),
    voice("giovanni", "it", ("CC0-1.0", "Mozilla Common Voice")),
    voice("lola", "es", ("CC0-1.0", "Mozilla Common Voice")),
    voice("daan", "nl", ("CC-BY-4.0", "CML-TTS")),
];

const fn voice(name: &'static str, language: &'static str, from: (&'static str, &'static str)) -> Voice {
    Voice {
        name,
        language,
        licence: from.0,
        source: from.1,
    }
}

/// Those that a model of `language` gets: its own, and beside them an English woman and man, with an accent, who may be used
/// freely; in English all.
pub(super) fn of(language: &str) -> Vec<Voice> {
    let own = VOICES.iter().filter(|voice| voice.language == language);
    let guests = VOICES
        .iter()
        .filter(|voice| language != "en" && ["alba", "marius"].contains(&voice.name));
    own.chain(guests).copied().collect()
}
