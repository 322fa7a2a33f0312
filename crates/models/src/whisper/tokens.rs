//! Whisper's tokens: which ones steer it, which ones it may say, and the text of what it said.

use std::path::Path;
use std::sync::Arc;

use tokenizers::Tokenizer;

use super::config::{Config, Extra};
use super::{Task, languages};
use crate::{Error, Result};

/// The vocabularies that were published, all with 1501 time stamps at their end.
const PUBLISHED: [usize; 3] = [51_864, 51_865, 51_866];
const TIME_STAMPS: usize = 1_501;
/// The published vocabulary of the models that only know English; it names all languages all the same.
const ENGLISH_ONLY: usize = 51_864;

#[derive(Clone)]
pub(super) struct Tokens {
    tokenizer: Arc<Tokenizer>,
    pub(super) end: u32,
    pub(super) start: u32,
    pub(super) no_speech: u32,
    previous: u32,
    no_timestamps: u32,
    /// Empty in a model that only knows English.
    pub(super) languages: Vec<(String, u32)>,
    transcribe: u32,
    translate: u32,
    /// For each token: whether it may be said, and said first.
    allowed: Arc<[Allowed]>,
}

#[derive(Clone, Copy)]
struct Allowed {
    ever: bool,
    first: bool,
}

impl Tokens {
    pub(super) fn read(path: &Path, config: &Config, config_path: &Path, extra: Extra) -> Result<Self> {
        // The tokenizer's own error does not tell a missing file from a bad one.
        let text = std::fs::read(path).map_err(|source| Error::Io {
            path: path.to_owned(),
            source,
        })?;
        let tokenizer = Tokenizer::from_bytes(text).map_err(|error| Error::Malformed {
            path: path.to_owned(),
            why: error.to_string(),
        })?;
        let wrong = |field: &str, why: String| Error::Config {
            path: path.to_owned(),
            field: field.into(),
            why,
        };
        let size = highest(&tokenizer) + 1;
        if size > config.vocab {
            let why = format!(
                "has {size} tokens, vocab_size in {} is {}",
                config_path.display(),
                config.vocab
            );
            return Err(wrong("model.vocab", why));
        }
        let find = |names: &[&str]| {
            let id = names.iter().find_map(|name| tokenizer.token_to_id(name));
            id.ok_or_else(|| wrong("added_tokens", format!("{} is missing", names.join(" or "))))
        };
        let (end, start) = (find(&["<|endoftext|>"])?, find(&["<|startoftranscript|>"])?);
        let no_timestamps = find(&["<|notimestamps|>"])?;
        let same = |field: &str, told: Option<u32>, found: u32| match told {
            Some(told) if told != found => {
                let why = format!("is token {found}, {field} beside {} is {told}", config_path.display());
                Err(wrong("added_tokens", format!("<|{}|> {why}", tokenizer_name(field))))
            }
            _ => Ok(()),
        };
        same("eos_token_id", config.end, end)?;
        same("decoder_start_token_id", config.start, start)?;
        same("no_timestamps_token_id", extra.no_timestamps, no_timestamps)?;
        if PUBLISHED.contains(&config.vocab) && no_timestamps as usize + 1 + TIME_STAMPS != config.vocab {
            let why = format!(
                "<|notimestamps|> is token {no_timestamps}, expected {} for a vocabulary of {}",
                config.vocab - TIME_STAMPS - 1,
                config.vocab
            );
            return Err(wrong("added_tokens", why));
        }
        let multilingual = extra.multilingual.unwrap_or(config.vocab != ENGLISH_ONLY);
        let languages: Vec<_> = languages::CODES
            .iter()
            .filter(|_| multilingual)
            .filter_map(|code| Some(((*code).into(), tokenizer.token_to_id(&languages::token(code))?)))
            .collect();
        if multilingual && languages.is_empty() {
            return Err(wrong("added_tokens", "no language's token is there".into()));
        }
        let mut tokens = Self {
            end,
            start,
            no_speech: find(&["<|nospeech|>", "<|nocaptions|>"])?,
            previous: find(&["<|startofprev|>"])?,
            no_timestamps,
            languages,
            transcribe: if multilingual { find(&["<|transcribe|>"])? } else { end },
            translate: if multilingual { find(&["<|translate|>"])? } else { end },
            allowed: Arc::from([]),
            tokenizer: Arc::new(tokenizer),
        };
        tokens.allowed = tokens.allow(config);
        Ok(tokens)
    }

    /// Those of the published models, without text: for weights that are random anyway.
    pub(super) fn without_text(config: &Config) -> Self {
        let after = (config.vocab - TIME_STAMPS) as u32;
        // Cantonese came with the largest vocabulary.
        let known = if config.vocab > 51_865 { 100 } else { 99 };
        let start = after - 7 - known as u32;
        let mut tokens = Self {
            tokenizer: Arc::new(Tokenizer::new(tokenizers::models::wordlevel::WordLevel::default())),
            end: start - 1,
            start,
            no_speech: after - 2,
            previous: after - 3,
            no_timestamps: after - 1,
            languages: languages::CODES[..known]
                .iter()
                .map(|code| (*code).into())
                .zip(start + 1..)
                .collect(),
            transcribe: after - 5,
            translate: after - 6,
            allowed: Arc::from([]),
        };
        tokens.allowed = tokens.allow(config);
        tokens
    }

    /// The prompt: what was said before, then what is wanted. The second value is where `<|startoftranscript|>` stands.
    pub(super) fn prompt(&self, language: u32, task: Task, before: &[u32]) -> (Vec<u32>, usize) {
        let mut prompt = Vec::with_capacity(before.len() + 5);
        if !before.is_empty() {
            prompt.push(self.previous);
            prompt.extend(before);
        }
        let at = prompt.len();
        prompt.push(self.start);
        if !self.languages.is_empty() {
            let task = match task {
                Task::Transcribe => self.transcribe,
                Task::Translate => self.translate,
            };
            prompt.extend([language, task]);
        }
        prompt.push(self.no_timestamps);
        (prompt, at)
    }

    /// The last `most` tokens of a text that went before.
    pub(super) fn before(&self, text: &str, most: usize) -> Result<Vec<u32>> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Vec::new());
        }
        let mut ids = self.encode(&format!(" {text}"))?;
        // What looks like a steering token in the text is no order.
        ids.retain(|id| *id < self.end);
        Ok(ids.split_off(ids.len().saturating_sub(most)))
    }

    /// The text of tokens, without what cannot be a whole character.
    pub(super) fn text(&self, ids: &[u32]) -> Result<String> {
        let text = self.tokenizer.decode(ids, true);
        let text = text.map_err(|error| Error::Input(format!("tokens without text: {error}")))?;
        Ok(text.trim_end_matches(char::REPLACEMENT_CHARACTER).trim().to_owned())
    }

    /// Whether a token may be said here.
    pub(super) fn allowed(&self, id: usize, first: bool) -> bool {
        let allowed = self.allowed.get(id);
        allowed.is_some_and(|allowed| if first { allowed.first } else { allowed.ever })
    }

    /// Words, and the end: no steering tokens, no time stamps, none of the noises that nobody says.
    fn allow(&self, config: &Config) -> Arc<[Allowed]> {
        let mut ever: Vec<bool> = (0..config.vocab as u32).map(|id| id <= self.end).collect();
        for id in self
            .tokenizer
            .get_added_tokens_decoder()
            .keys()
            .filter(|id| **id != self.end)
        {
            ever[*id as usize] = false;
        }
        let suppressed = config.suppress.clone().unwrap_or_else(|| self.noises());
        for id in suppressed.into_iter().filter(|id| *id != self.end) {
            ever[id as usize] = false;
        }
        let not_first = config.suppress_first.clone().unwrap_or_else(|| {
            let blank = self.encode(" ").unwrap_or_default();
            blank.into_iter().take(1).chain([self.end]).collect()
        });
        let first = |id: usize| !not_first.contains(&(id as u32));
        let allowed = ever.iter().enumerate().map(|(id, ever)| Allowed {
            ever: *ever,
            first: *ever && first(id),
        });
        allowed.collect()
    }

    /// Whisper's own list for models whose files carry none: brackets, music signs and other marks of subtitles, which
    /// describe what is heard and are not said.
    fn noises(&self) -> Vec<u32> {
        const MARKS: &str = "\" # ( ) * + / : ; < = > @ [ \\ ] ^ _ ` { | } ~ 「 」 『 』 << >> <<< >>> -- --- -( -[ (' (\" (( )) \
                             ((( ))) [[ ]] {{ }} ♪♪ ♪♪♪";
        const MUSIC: &str = "♩ ♪ ♫ ♬ ♭ ♮ ♯";
        let ids = |text: String| self.encode(&text).unwrap_or_default();
        let starts = [" -", " '"]
            .into_iter()
            .filter_map(|text| ids(text.into()).first().copied());
        let marks = MARKS.split_whitespace().map(|mark| (mark, false));
        let music = MUSIC.split_whitespace().map(|mark| (mark, true));
        let whole = marks.chain(music).flat_map(|(mark, part)| {
            let forms = [ids(mark.into()), ids(format!(" {mark}"))];
            forms.into_iter().filter(move |ids| ids.len() == 1 || part)
        });
        starts.chain(whole.filter_map(|ids| ids.first().copied())).collect()
    }

    fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let encoded = self.tokenizer.encode(text, false);
        let encoded = encoded.map_err(|error| Error::Input(format!("text without tokens: {error}")))?;
        Ok(encoded.get_ids().to_vec())
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens")
            .field("vocab", &self.allowed.len())
            .finish_non_exhaustive()
    }
}

fn tokenizer_name(field: &str) -> &'static str {
    match field {
        "eos_token_id" => "endoftext",
        "decoder_start_token_id" => "startoftranscript",
        _ => "notimestamps",
    }
}

fn highest(tokenizer: &Tokenizer) -> usize {
    tokenizer.get_vocab(true).values().copied().max().unwrap_or(0) as usize
}
