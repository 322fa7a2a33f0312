//! Keys on their way from the user to the provider's secret store: by stdin or a file, never by an argument.

use std::fmt;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::registry::hex;

/// What a deployment has keys for, as the store calls them, with what each opens.
pub const NAMES: &[(&str, &str)] = &[
    ("speech_key", "the speech hosts"),
    ("media_api_key", "API and operator's page"),
    ("publisher_pass", "publishing"),
    ("router_pass", "the router, for the worker"),
    ("viewer_pass", "watching"),
];
/// Longer than any key; a file that is larger is a wrong file.
const MAX: u64 = 4096;

/// A key; it does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// From text as it is read: one line of printable characters. An empty one is an error, since it would open a door.
    pub fn new(text: &str) -> Result<Secret> {
        let text = text.trim();
        if text.is_empty() {
            bail!("the key is empty");
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) || text.contains(['\'', '"', '\\', '$', ',']) {
            bail!("a key is one line of letters, digits and signs without quotes, $, \\ and commas");
        }
        if text.len() < 12 {
            bail!("the key is shorter than 12 characters");
        }
        Ok(Secret(text.to_owned()))
    }

    /// 256 bits from the system.
    pub fn random() -> Result<Secret> {
        let mut bytes = [0; 32];
        std::fs::File::open("/dev/urandom")
            .and_then(|mut file| file.read_exact(&mut bytes))
            .context("the system gives no random numbers")?;
        Ok(Secret(hex(&bytes)))
    }

    /// From a file, or from stdin where the path is `-`.
    pub fn read(path: &Path) -> Result<Secret> {
        let mut text = String::new();
        let read = match path == Path::new("-") {
            true => std::io::stdin().take(MAX).read_to_string(&mut text),
            false => std::fs::File::open(path).and_then(|file| file.take(MAX).read_to_string(&mut text)),
        };
        read.with_context(|| format!("cannot read the key from {}", path.display()))?;
        Secret::new(&text)
    }

    /// The key itself, for the store alone.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What a service that only compares is given instead.
    #[must_use]
    pub fn hash(&self) -> String {
        format!("sha256:{}", hex(&Sha256::digest(&self.0)))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_key_is_refused() {
        for wrong in [
            "",
            " \n",
            "short",
            "with a blank in it",
            "with'quotes'inside",
            "two\nlines-of-it",
        ] {
            assert!(Secret::new(wrong).is_err(), "{wrong:?}");
        }
        let secret = Secret::new(" abcdefghijkl\n").unwrap();
        assert_eq!(secret.expose(), "abcdefghijkl");
        assert_eq!(format!("{secret:?}"), "<secret>");
        assert_eq!(
            secret.hash(),
            "sha256:d682ed4ca4d989c134ec94f1551e1ec580dd6d5a6ecde9f3d35e6e4a717fbde4"
        );
    }

    #[test]
    fn random_keys_are_keys() {
        let [a, b] = [(); 2].map(|()| Secret::random().unwrap());
        assert_ne!(a, b);
        assert_eq!(Secret::new(a.expose()).unwrap(), a);
    }
}
