//! Text to token numbers and back, by the model's `tokenizer.json`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use tokenizers::Tokenizer;

use super::config::Config;
use crate::sentencepiece::SPACE;
use crate::seq2seq::Detokenizer;
use crate::{Error, Result};

#[derive(Clone)]
pub(super) struct Tokens {
    inner: Arc<Inner>,
}

struct Inner {
    tokenizer: Tokenizer,
    /// The numbers of `<2xx>`, by language.
    languages: BTreeMap<String, u32>,
    end: u32,
}

impl Tokens {
    pub(super) fn read(path: &Path, config: &Config) -> Result<Self> {
        let bytes = fs::read(path).map_err(|source| Error::Io {
            path: path.to_owned(),
            source,
        })?;
        let tokenizer = Tokenizer::from_bytes(bytes).map_err(|error| Error::Malformed {
            path: path.to_owned(),
            why: error.to_string(),
        })?;
        Self::new(tokenizer, path, config)
    }

    pub(super) fn new(mut tokenizer: Tokenizer, path: &Path, config: &Config) -> Result<Self> {
        let malformed = |why: String| Error::Malformed {
            path: path.to_owned(),
            why,
        };
        // Its cache would keep what streams said.
        let mut model = tokenizer.get_model().clone();
        model.resize_cache(0);
        tokenizer.with_model(model);
        let vocabulary = tokenizer.get_vocab(true);
        if let Some((token, number)) = vocabulary.iter().find(|(_, number)| **number as usize >= config.vocab) {
            return Err(malformed(format!(
                "{token:?} is {number}, but vocab_size is {}",
                config.vocab
            )));
        }
        let languages: BTreeMap<String, u32> = vocabulary
            .iter()
            .filter_map(|(token, number)| Some((language(token)?.to_owned(), *number)))
            .collect();
        if languages.is_empty() {
            return Err(malformed("has no token <2xx> that names a language".into()));
        }
        let tokens = Self {
            inner: Arc::new(Inner {
                tokenizer,
                languages,
                end: config.ends.end,
            }),
        };
        for (language, number) in &tokens.inner.languages {
            if !tokens.encode("", language)?.contains(number) {
                return Err(malformed(format!("cuts {} into parts", mark(language))));
            }
        }
        Ok(tokens)
    }

    pub(super) fn languages(&self) -> Vec<String> {
        self.inner.languages.keys().cloned().collect()
    }

    pub(super) fn knows(&self, target: &str) -> bool {
        self.inner.languages.contains_key(target)
    }

    /// The numbers of a text with its target before it and its end after it.
    pub(super) fn encode(&self, text: &str, target: &str) -> Result<Vec<u32>> {
        let Inner { tokenizer, end, .. } = &*self.inner;
        let encoding = tokenizer.encode_fast(format!("{} {text}", mark(target)), true);
        let mut tokens = encoding
            .map_err(|error| Error::Input(format!("tokenizer: {error}")))?
            .get_ids()
            .to_vec();
        if tokens.last() != Some(end) {
            tokens.push(*end);
        }
        Ok(tokens)
    }
}

impl Detokenizer for Tokens {
    fn decode(&self, tokens: &[u32]) -> String {
        let Inner {
            tokenizer, languages, ..
        } = &*self.inner;
        let said: Vec<u32> = tokens
            .iter()
            .copied()
            .filter(|token| !languages.values().any(|mark| mark == token))
            .collect();
        tokenizer.decode(&said, true).unwrap_or_default().trim().to_owned()
    }

    fn begins_word(&self, token: u32) -> bool {
        self.inner
            .tokenizer
            .id_to_token(token)
            .is_some_and(|token| token.starts_with(SPACE))
    }
}

fn mark(language: &str) -> String {
    format!("<2{language}>")
}

/// The language of `<2es>` or `<2zh_Hant>`.
fn language(token: &str) -> Option<&str> {
    let language = token.strip_prefix("<2")?.strip_suffix('>')?;
    let (code, rest) = language
        .split_once(['_', '-'])
        .map_or((language, None), |(code, rest)| (code, Some(rest)));
    let code = (2..=3).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_lowercase());
    let rest = rest.is_none_or(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    (code && rest).then_some(language)
}
