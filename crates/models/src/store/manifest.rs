//! The manifest: which models there are, which files each of them has, and under which licence.

use super::Error;
use super::voices;
pub use super::voices::Voice;

/// What a model does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Speech to text.
    Recognise,
    /// Text to text.
    Translate,
    /// Text to speech.
    Synthesise,
}

impl Purpose {
    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Recognise => "recognition",
            Self::Translate => "translation",
            Self::Synthesise => "synthesis",
        }
    }
}

/// What a file is to its model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `config.json`.
    Config,
    /// `generation_config.json` of a Whisper model, read from beside its `config.json`: what must not be said.
    Generation,
    /// `tokenizer.json`.
    Tokenizer,
    /// `vocab.json` of a Marian model.
    Vocabulary,
    /// SentencePiece of the source language.
    SourcePieces,
    /// SentencePiece of the target language.
    TargetPieces,
    /// The weights.
    Weights,
    /// A voice; only the first of a model has to be there.
    Voice(Voice),
}

/// A file of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What it is for.
    pub role: Role,
    /// Its names in the repository, the best first; the first that is there is taken.
    pub names: Vec<String>,
    /// The branch or commit that it is taken from when the lock does not say.
    pub revision: &'static str,
    /// Whether the model works without it.
    pub optional: bool,
}

/// A model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// What it is called here: `whisper-base`, `opus-mt-en-es`, `madlad-400-3b`, `pocket-spanish`.
    pub name: String,
    /// What it does.
    pub purpose: Purpose,
    /// Its repository on the hub.
    pub repository: String,
    /// Its files.
    pub parts: Vec<Part>,
    /// Of the weights, SPDX; voices have their own.
    pub licence: &'static str,
    /// Whom to name.
    pub attribution: &'static str,
    /// For people.
    pub languages: String,
    /// All files together, about.
    pub bytes: u64,
}

impl Model {
    /// Its voices, the default first.
    pub fn voices(&self) -> impl Iterator<Item = Voice> {
        self.parts.iter().filter_map(|part| match part.role {
            Role::Voice(voice) => Some(voice),
            _ => None,
        })
    }
}

/// Size of the name, megabytes of the files, and whether it knows English only. From large-v3 on the weights are F16.
const WHISPER: [(&str, u64); 12] = [
    ("tiny", 153),
    ("tiny.en", 153),
    ("base", 293),
    ("base.en", 293),
    ("small", 970),
    ("small.en", 970),
    ("medium", 3_058),
    ("medium.en", 3_058),
    ("large", 6_177),
    ("large-v2", 6_177),
    ("large-v3", 3_090),
    ("large-v3-turbo", 1_622),
];

/// The model's name, its language, megabytes of the weights, and the commits of weights and tokenizer that the publisher's own
/// program takes; the voices' commit is one for all.
const POCKET: [(&str, &str, u64, &str, &str); 13] = {
    const ENGLISH: &str = "a7056f505a4a8ca72d8b5fb1440071d6f1a35739";
    const SMALL: &str = "1e08e6a23401048648a9fdcfde2f89348215c2a7";
    const LARGE: &str = "4e1e0a3e611c51c0b4ed8174fc10f32a54644303";
    const FRENCH: &str = "8843db76457a91db32077edf8dfcd1c0e3e755fd";
    [
        (
            "english",
            "en",
            219,
            ENGLISH,
            "00eac05ed3d16bdc3f6b5d598874019c34a89214",
        ),
        ("french", "fr", 219, SMALL, FRENCH),
        ("german", "de", 219, SMALL, LARGE),
        ("portuguese", "pt", 219, SMALL, LARGE),
        ("italian", "it", 219, SMALL, LARGE),
        ("spanish", "es", 219, SMALL, LARGE),
        ("dutch", "nl", 219, SMALL, LARGE),
        ("french_24l", "fr", 672, SMALL, FRENCH),
        ("german_24l", "de", 672, LARGE, LARGE),
        ("portuguese_24l", "pt", 672, LARGE, LARGE),
        ("italian_24l", "it", 672, SMALL, LARGE),
        ("spanish_24l", "es", 672, LARGE, LARGE),
        ("dutch_24l", "nl", 672, LARGE, LARGE),
    ]
};
const POCKET_VOICES: &str = "a7056f505a4a8ca72d8b5fb1440071d6f1a35739";

/// Every model but the OPUS-MT pairs, of which there are hundreds.
pub fn all() -> Vec<Model> {
    let whisper = WHISPER.iter().map(|(size, megabytes)| whisper(size, *megabytes));
    let quantised = ["tiny", "tiny.en"].map(quantised_whisper);
    let pocket = POCKET
        .iter()
        .map(|(name, language, megabytes, weights, tokenizer)| pocket(name, language, *megabytes, weights, tokenizer));
    whisper.chain(quantised).chain([madlad()]).chain(pocket).collect()
}

/// The model of a name: one of [`all`], `opus-mt-<from>-<to>` of any pair, or a short form (`madlad`, `pocket-es`).
pub fn find(name: &str) -> Result<Model, Error> {
    if let Some(pair) = name.strip_prefix("opus-mt-") {
        let ok = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let parts: Vec<&str> = pair.strip_prefix("tc-big-").unwrap_or(pair).split('-').collect();
        if let [from, to] = parts[..]
            && ok(from)
            && ok(to)
        {
            return Ok(opus(name, from, to));
        }
    }
    let full = match name.strip_prefix("pocket-").and_then(pocket_name) {
        Some(pocket) => format!("pocket-{pocket}"),
        None if name == "madlad" => "madlad-400-3b".to_owned(),
        None => name.to_owned(),
    };
    all().into_iter().find(|model| model.name == full).ok_or_else(|| {
        let names: Vec<String> = all().into_iter().map(|model| model.name).collect();
        Error::Unknown {
            name: name.to_owned(),
            known: format!("{} and opus-mt-<from>-<to>", names.join(", ")),
        }
    })
}

/// The Pocket TTS model that speaks a language (`es`, `pt-br`); a model's own name is given back.
pub fn pocket_name(language: &str) -> Option<&'static str> {
    let primary = language.split('-').next().unwrap_or(language).to_ascii_lowercase();
    let found = POCKET
        .iter()
        .find(|(name, ..)| *name == language)
        .or_else(|| POCKET.iter().find(|(_, spoken, ..)| *spoken == primary));
    found.map(|(name, ..)| *name)
}

/// What dubbing needs for these pairs (`en-es`): `whisper`, and for each pair a translation and a voice. Into English a
/// multilingual Whisper translates itself, all but turbo, which was not taught to.
pub fn for_pairs(whisper: &str, pairs: &[String]) -> Result<Vec<Model>, Error> {
    let whisper = find(whisper)?;
    let translates = whisper.languages != ENGLISH && !whisper.name.ends_with("turbo");
    let mut models = vec![whisper];
    for pair in pairs {
        let (from, to) = pair.split_once('-').ok_or_else(|| Error::Pair {
            pair: pair.clone(),
            why: "not a pair of languages such as en-es".to_owned(),
        })?;
        let speech = pocket_name(to).ok_or_else(|| Error::Pair {
            pair: pair.clone(),
            why: "no built-in voice speaks the second language; there are voices for en, fr, de, pt, it, es, nl"
                .to_owned(),
        })?;
        let to = to.split('-').next().unwrap_or(to);
        if from != to && !(to == "en" && translates) {
            models.push(find(&format!("opus-mt-{from}-{to}"))?);
        }
        models.push(find(&format!("pocket-{speech}"))?);
    }
    let mut seen = std::collections::BTreeSet::new();
    models.retain(|model| seen.insert(model.name.clone()));
    Ok(models)
}

const ENGLISH: &str = "en";

fn whisper(size: &str, megabytes: u64) -> Model {
    let parts = vec![
        part(Role::Config, &["config.json"]),
        // Newer repositories keep the lists of suppressed tokens here and no longer in `config.json`.
        Part {
            optional: true,
            ..part(Role::Generation, &["generation_config.json"])
        },
        part(Role::Tokenizer, &["tokenizer.json"]),
        part(Role::Weights, &["model.safetensors"]),
    ];
    whisper_model(
        format!("whisper-{size}"),
        size,
        format!("openai/whisper-{size}"),
        parts,
        megabytes,
    )
}

/// 8-bit weights, made for candle's example; only these two sizes are published.
fn quantised_whisper(size: &str) -> Model {
    let name = size.replace('.', "-");
    let parts = vec![
        part(Role::Config, &[&format!("config-{name}.json")]),
        part(Role::Tokenizer, &[&format!("tokenizer-{name}.json")]),
        part(Role::Weights, &[&format!("model-{name}-q80.gguf")]),
    ];
    whisper_model(
        format!("whisper-{size}-q8"),
        size,
        "lmz/candle-whisper".into(),
        parts,
        45,
    )
}

fn whisper_model(name: String, size: &str, repository: String, parts: Vec<Part>, megabytes: u64) -> Model {
    let languages = if size.ends_with(".en") { ENGLISH } else { "99 languages" };
    Model {
        name,
        purpose: Purpose::Recognise,
        repository,
        parts,
        licence: "MIT",
        attribution: "Whisper by OpenAI",
        languages: languages.to_owned(),
        bytes: megabytes * 1_000_000,
    }
}

fn opus(name: &str, from: &str, to: &str) -> Model {
    Model {
        name: name.to_owned(),
        purpose: Purpose::Translate,
        repository: format!("Helsinki-NLP/{name}"),
        parts: vec![
            part(Role::Config, &["config.json"]),
            part(Role::Vocabulary, &["vocab.json"]),
            part(Role::SourcePieces, &["source.spm"]),
            part(Role::TargetPieces, &["target.spm"]),
            // Most repositories only have the older format.
            part(Role::Weights, &["model.safetensors", "pytorch_model.bin"]),
        ],
        licence: "CC-BY-4.0",
        attribution: "OPUS-MT by the Language Technology Research Group of the University of Helsinki; some cards say Apache-2.0",
        languages: format!("{from} to {to}"),
        bytes: 315_000_000,
    }
}

fn madlad() -> Model {
    Model {
        name: "madlad-400-3b".into(),
        purpose: Purpose::Translate,
        repository: "jbochi/madlad400-3b-mt".into(),
        parts: vec![
            part(Role::Config, &["config.json"]),
            part(Role::Tokenizer, &["tokenizer.json"]),
            part(Role::Weights, &["model-q4k.gguf"]),
        ],
        licence: "Apache-2.0",
        attribution: "MADLAD-400 by Google, quantised by Juarez Bochi",
        languages: "any to 400+ languages".into(),
        bytes: 1_670_000_000,
    }
}

fn pocket(name: &str, language: &str, megabytes: u64, weights: &'static str, tokenizer: &'static str) -> Model {
    let at = |role, revision, file: &str| Part {
        revision,
        ..part(role, &[&format!("languages/{name}/{file}")])
    };
    let mut parts = vec![
        at(Role::Tokenizer, tokenizer, "tokenizer.json"),
        at(Role::Weights, weights, "model.safetensors"),
    ];
    let voices = voices::of(language);
    parts.extend(voices.iter().enumerate().map(|(i, voice)| Part {
        optional: i > 0,
        ..at(
            Role::Voice(*voice),
            POCKET_VOICES,
            &format!("embeddings/{}.safetensors", voice.name),
        )
    }));
    // The key-value cache of a prompt of about 10 s.
    let voice_megabytes = if name.ends_with("_24l") { 25 } else { 6 };
    Model {
        name: format!("pocket-{name}"),
        purpose: Purpose::Synthesise,
        repository: "kyutai/pocket-tts-without-voice-cloning".into(),
        parts,
        licence: "CC-BY-4.0",
        attribution: "Pocket TTS by Kyutai",
        languages: language.to_owned(),
        bytes: (megabytes + voice_megabytes * voices.len() as u64) * 1_000_000,
    }
}

fn part(role: Role, names: &[&str]) -> Part {
    Part {
        role,
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        revision: "main",
        optional: false,
    }
}

#[cfg(test)]
#[path = "manifest_test.rs"]
mod tests;
