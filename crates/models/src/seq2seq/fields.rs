//! A model's `config.json`: every value is checked, and every complaint names its field.

use std::fs::File;
use std::io::Read as _;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::{Error, Result};

const FILE_MAX: u64 = 1 << 20;

/// The fields of a configuration; one that is null counts as missing.
#[derive(Debug)]
pub(crate) struct Fields {
    path: PathBuf,
    values: Map<String, Value>,
}

impl Fields {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let io = |source| Error::Io {
            path: path.to_owned(),
            source,
        };
        let malformed = |why: String| Error::Malformed {
            path: path.to_owned(),
            why,
        };
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(io)?;
        file.take(FILE_MAX + 1).read_to_end(&mut bytes).map_err(io)?;
        if bytes.len() as u64 > FILE_MAX {
            return Err(malformed(format!("more than {FILE_MAX} bytes: no configuration")));
        }
        Ok(Self {
            path: path.to_owned(),
            values: serde_json::from_slice(&bytes).map_err(|error| malformed(error.to_string()))?,
        })
    }

    pub(crate) fn error(&self, field: &str, why: impl Into<String>) -> Error {
        Error::Config {
            path: self.path.clone(),
            field: field.into(),
            why: why.into(),
        }
    }

    fn value(&self, field: &str) -> Option<&Value> {
        self.values.get(field).filter(|value| !value.is_null())
    }

    /// A whole number within a range, if there is one.
    pub(crate) fn number(&self, field: &str, within: RangeInclusive<usize>) -> Result<Option<usize>> {
        let Some(value) = self.value(field) else {
            return Ok(None);
        };
        match value
            .as_u64()
            .and_then(|number| usize::try_from(number).ok())
            .filter(|number| within.contains(number))
        {
            Some(number) => Ok(Some(number)),
            None => Err(self.error(
                field,
                format!("is {value}, expected {} to {}", within.start(), within.end()),
            )),
        }
    }

    /// A whole number that must be there.
    pub(crate) fn required(&self, field: &str, within: RangeInclusive<usize>) -> Result<usize> {
        self.number(field, within)?.ok_or_else(|| self.error(field, "missing"))
    }

    /// A token's number.
    pub(crate) fn token(&self, field: &str, tokens: usize) -> Result<Option<u32>> {
        let number = self.number(field, 0..=tokens.saturating_sub(1))?;
        Ok(number.and_then(|number| u32::try_from(number).ok()))
    }

    /// A number of any kind within a range, if there is one.
    pub(crate) fn real(&self, field: &str, within: RangeInclusive<f64>) -> Result<Option<f64>> {
        let Some(value) = self.value(field) else {
            return Ok(None);
        };
        match value.as_f64().filter(|number| within.contains(number)) {
            Some(number) => Ok(Some(number)),
            None => Err(self.error(
                field,
                format!("is {value}, expected {} to {}", within.start(), within.end()),
            )),
        }
    }

    /// Yes or no, if it says.
    pub(crate) fn flag(&self, field: &str) -> Result<Option<bool>> {
        match self.value(field) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => Err(self.error(field, format!("is {other}, expected true or false"))),
        }
    }

    /// A word, if there is one.
    pub(crate) fn word(&self, field: &str) -> Result<Option<&str>> {
        match self.value(field) {
            None => Ok(None),
            Some(Value::String(word)) => Ok(Some(word)),
            Some(other) => Err(self.error(field, format!("is {other}, expected a word"))),
        }
    }

    /// Fails if the configuration is another model's.
    pub(crate) fn expect_model(&self, types: &[&str]) -> Result<()> {
        match self.word("model_type")? {
            Some(found) if !types.contains(&found) => {
                Err(self.error("model_type", format!("is {found}, expected {}", types.join(" or "))))
            }
            _ => Ok(()),
        }
    }
}
