//! The variables of a process and how a struct of `Option<String>` is filled from them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::de::value::Error as Stop;
use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};
use serde::forward_to_deserialize_any;

use super::Check;

/// What a `<NAME>_FILE` variable ends in.
const FILE_SUFFIX: &str = "_FILE";

/// The largest file that a `_FILE` variable may name; keys and host lists are far smaller.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// The variables of a process; empty ones count as not set, but for secrets, where that is a problem.
#[derive(Clone)]
pub struct Vars(BTreeMap<String, OsString>);

impl Vars {
    /// Takes the variables, usually `std::env::vars_os()`; names that are not Unicode are none of ours.
    pub fn new<K: Into<OsString>, V: Into<OsString>>(vars: impl IntoIterator<Item = (K, V)>) -> Self {
        let vars = vars
            .into_iter()
            .filter_map(|(name, value)| Some((name.into().into_string().ok()?, value.into())));
        Self(vars.collect())
    }

    /// Fills `Raw`, a plain struct of `Option<String>` fields whose names are the variables' names in lower case.
    /// A value that cannot be read (a `_FILE` that is not there, both forms set, not Unicode) is a problem in `check`
    /// and `None` in `Raw`. `#[serde(flatten)]` and renames are not supported.
    pub fn read<Raw: DeserializeOwned + Default>(&self, check: &mut Check) -> Raw {
        let known = variables::<Raw>();
        let pairs: Vec<(String, String)> = known
            .iter()
            .filter_map(|name| Some((name.clone(), self.value(name, check)?)))
            .collect();
        envy::from_iter(pairs).unwrap_or_else(|error| {
            check.problem(
                "configuration",
                Some(&error.to_string()),
                "a struct of optional strings",
            );
            Raw::default()
        })
    }

    /// The file that `<name>_FILE` points at, for values that are read again while the service runs.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<PathBuf> {
        self.set(&format!("{name}{FILE_SUFFIX}")).map(PathBuf::from)
    }

    fn set(&self, name: &str) -> Option<&OsString> {
        self.0.get(name).filter(|value| !value.is_empty())
    }

    fn value(&self, name: &str, check: &mut Check) -> Option<String> {
        let direct = self.set(name);
        let file_name = format!("{name}{FILE_SUFFIX}");
        for variable in [name, &file_name] {
            if self.0.get(variable).is_some_and(|value| value.is_empty()) {
                check.blank(name, variable);
            }
        }
        let Some(path) = self.file(name) else {
            let value = direct?.to_str();
            if value.is_none() {
                check.problem(name, Some("bytes that are not UTF-8"), "UTF-8 text");
            }
            return value.map(str::to_owned);
        };
        if direct.is_some() {
            check.problem(
                &file_name,
                Some(&path.display().to_string()),
                &format!("not both {name} and {file_name}"),
            );
            return None;
        }
        match read_file(&path) {
            Ok(text) => Some(text),
            Err(reason) => {
                check.problem(
                    &file_name,
                    Some(&format!("{} ({reason})", path.display())),
                    "a readable file of text",
                );
                None
            }
        }
    }
}

/// The text of a file that a `_FILE` variable names, trimmed; else why there is none.
pub fn read_file(path: &Path) -> Result<String, String> {
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    let mut text = String::new();
    // What it says of its size is not asked: a device says 0 and never ends.
    file.take(MAX_FILE_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(|error| error.to_string())?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(format!("more than {MAX_FILE_BYTES} bytes"));
    }
    match text.trim() {
        "" => Err("empty".to_owned()),
        text => Ok(text.to_owned()),
    }
}

/// The variables that `Raw` knows, in the order of its fields: what `.env.example` has to list.
#[must_use]
pub fn variables<Raw: DeserializeOwned>() -> Vec<String> {
    let mut fields: &'static [&'static str] = &[];
    // Always an error: the deserializer stops as soon as it has seen the names.
    let _stopped = Raw::deserialize(FieldNames(&mut fields)).is_err();
    fields.iter().map(|field| field.to_uppercase()).collect()
}

/// A deserializer that has no data; it only learns which fields a struct asks for.
struct FieldNames<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for FieldNames<'_> {
    type Error = Stop;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Stop> {
        Err(Stop::custom("not a struct"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Stop> {
        *self.0 = fields;
        Err(Stop::custom("names seen"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    struct Raw {
        hold: Option<String>,
        speech_key: Option<String>,
    }

    fn read(vars: &[(&str, &str)]) -> (Raw, Vec<String>) {
        let mut check = Check::new();
        let raw = Vars::new(vars.iter().copied()).read(&mut check);
        let problems = check
            .finish()
            .err()
            .map(|error| error.problems().iter().map(ToString::to_string).collect());
        (raw, problems.unwrap_or_default())
    }

    #[test]
    fn reads_what_the_struct_knows_and_nothing_else() {
        let (raw, problems) = read(&[("HOLD", "2s"), ("SPEECH_KEY", ""), ("SSL_CERT_FILE", "/no/such/file")]);
        assert_eq!(
            raw,
            Raw {
                hold: Some("2s".into()),
                speech_key: None
            }
        );
        assert!(problems.is_empty(), "{problems:?}");
    }

    #[test]
    fn names_come_from_the_struct() {
        assert_eq!(variables::<Raw>(), ["HOLD", "SPEECH_KEY"]);
    }

    #[test]
    fn file_is_trimmed() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "  k1 ").unwrap();
        let (raw, problems) = read(&[("SPEECH_KEY_FILE", file.path().to_str().unwrap())]);
        assert_eq!(raw.speech_key.as_deref(), Some("k1"));
        assert!(problems.is_empty(), "{problems:?}");
    }

    #[test]
    fn a_secret_that_is_set_to_nothing_is_named() {
        for variable in ["SPEECH_KEY", "SPEECH_KEY_FILE"] {
            let read = || {
                let mut check = Check::new();
                let raw: Raw = Vars::new([(variable, ""), ("HOLD", "")]).read(&mut check);
                assert_eq!(raw, Raw::default());
                (check, raw)
            };
            let told = |check: Check| check.finish().map_err(|error| error.to_string());
            let expected = Err(format!(
                "bad configuration, 1 problem:\n  {variable}: found nothing, expected a secret, or the variable not to be \
                 set at all"
            ));
            let (mut check, raw) = read();
            check.secret("SPEECH_KEY", raw.speech_key);
            assert_eq!(told(check), expected);
            for allow_open in [false, true] {
                let (mut check, raw) = read();
                check.access("SPEECH_KEY", raw.speech_key, "0.0.0.0:1".parse().unwrap(), allow_open);
                assert_eq!(told(check), expected);
            }
            let (mut check, raw) = read();
            check.duration("HOLD", raw.hold, std::time::Duration::ZERO);
            assert_eq!(told(check), Ok(()), "what is no secret counts as not set");
        }
    }

    #[test]
    fn file_problems_are_named() {
        let empty = tempfile::NamedTempFile::new().unwrap();
        for (vars, expected) in [
            (
                vec![("SPEECH_KEY", "k"), ("SPEECH_KEY_FILE", "/x")],
                "not both SPEECH_KEY and SPEECH_KEY_FILE",
            ),
            (vec![("SPEECH_KEY_FILE", "/no/such/file")], "No such file"),
            (vec![("SPEECH_KEY_FILE", "/dev/zero")], "more than 65536 bytes"),
            (vec![("SPEECH_KEY_FILE", empty.path().to_str().unwrap())], "(empty)"),
        ] {
            let (raw, problems) = read(&vars);
            assert_eq!(raw.speech_key, None);
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(
                problems[0].starts_with("SPEECH_KEY_FILE: ") && problems[0].contains(expected),
                "{problems:?}"
            );
        }
    }
}
