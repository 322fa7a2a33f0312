//! Finding what looks like a secret: in the repository's files, and in an image's.
//!
//! Only shapes are known here, never values. Words that tests use are too short or too plain to have one of the shapes.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Something that looks like a secret. It is not shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file.
    pub file: PathBuf,
    /// Which line; a file that is no text counts its newlines too.
    pub line: usize,
    /// What it looks like.
    pub what: &'static str,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.what)
    }
}

/// A token that says by its beginning whose it is: what it looks like, its beginning, and how many letters and digits (and
/// `-`, `_`) follow at least.
const TOKENS: [(&str, &str, usize); 19] = [
    ("an AWS access key", "AKIA", 16),
    ("a temporary AWS access key", "ASIA", 16),
    ("a GitHub token", "ghp_", 36),
    ("a GitHub token", "gho_", 36),
    ("a GitHub token", "ghs_", 36),
    ("a GitHub token", "ghu_", 36),
    ("a GitHub token", "ghr_", 36),
    ("a GitHub token", "github_pat_", 40),
    ("a GitLab token", "glpat-", 20),
    ("a Hugging Face token", "hf_", 34),
    ("a RunPod key", "rpa_", 32),
    ("a Docker Hub token", "dckr_pat_", 24),
    ("an npm token", "npm_", 36),
    ("a Slack token", "xoxb-", 24),
    ("a Slack token", "xoxp-", 24),
    ("a Google key", "AIza", 35),
    ("a Stripe key", "sk_live_", 24),
    ("an OpenAI key", "sk-proj-", 40),
    ("an Anthropic key", "sk-ant-", 40),
];
/// A key of SSH, TLS or PGP: the end of its first line, and as many base64 digits after it as no mention has.
const PRIVATE_KEY: (&str, usize) = ("PRIVATE KEY-----", 40);
/// What names of secrets hold.
const NAMES: [&str; 5] = ["pass", "secret", "token", "api_key", "apikey"];
/// A shorter value is a word.
const LEAST_VALUE: usize = 16;
/// Bits a character: words and numbers are below, random text is above.
const RANDOM: f64 = 3.6;

/// What the bytes of a file hold that looks like a secret by itself, whatever stands around it. A line and what it looks
/// like.
pub fn in_bytes(bytes: &[u8]) -> Vec<(usize, &'static str)> {
    let mut found = Vec::new();
    for (what, beginning, least) in TOKENS {
        for at in places(bytes, beginning.as_bytes()) {
            let is_inside = at > 0 && is_token(bytes[at - 1]);
            let length = bytes[at + beginning.len()..]
                .iter()
                .take_while(|byte| is_token(**byte))
                .count();
            let token = &bytes[at..at + beginning.len() + length];
            if !is_inside && (least..=256).contains(&length) && entropy(token) > RANDOM {
                found.push((line(bytes, at), what));
            }
        }
    }
    let (beginning, least) = PRIVATE_KEY;
    // Libraries carry keys to test themselves with, as GnuTLS does.
    let is_program = bytes.starts_with(b"\x7fELF");
    for at in places(bytes, beginning.as_bytes()).filter(|_| !is_program) {
        let mut body = &bytes[at + beginning.len()..];
        while let Some(rest) = [&b"\r"[..], b"\n", b"\\r", b"\\n", b" "]
            .iter()
            .find_map(|end| body.strip_prefix(*end))
        {
            body = rest;
        }
        if body.iter().take_while(|byte| is_base64(**byte)).count() >= least {
            found.push((line(bytes, at), "a private key"));
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// The same, and random text that is the value of a name such as `password`, for files that people write.
pub fn in_text(text: &str) -> Vec<(usize, &'static str)> {
    let mut found = in_bytes(text.as_bytes());
    let assigned = (1..).zip(text.lines()).filter(|(_, line)| assigns_secret(line));
    found.extend(assigned.map(|(line, _)| (line, "a secret's value")));
    found.sort_unstable();
    found
}

/// What in `files` below `root` looks like a secret: `root` may be the repository, or where an image was unpacked.
pub fn in_files(root: &Path, files: impl IntoIterator<Item = PathBuf>) -> io::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for file in files {
        let path = root.join(&file);
        // A link leads to another of the files, or out of the tree.
        if !fs::symlink_metadata(&path)?.is_file() {
            continue;
        }
        let bytes = fs::read(&path)?;
        let found = match std::str::from_utf8(&bytes) {
            Ok(text) => in_text(text),
            Err(_) => in_bytes(&bytes),
        };
        findings.extend(found.into_iter().map(|(line, what)| Finding {
            file: file.clone(),
            line,
            what,
        }));
    }
    Ok(findings)
}

/// Every file below `root`, but for what builds and version control put there.
pub fn tree(root: &Path) -> io::Result<Vec<PathBuf>> {
    const LEFT_OUT: [&str; 3] = [".git", "target", "result"];
    let mut files = Vec::new();
    let mut dirs = vec![PathBuf::new()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(root.join(&dir))? {
            let entry = entry?;
            let name = dir.join(entry.file_name());
            let kind = entry.file_type()?;
            if kind.is_file() {
                files.push(name);
            } else if kind.is_dir() && !LEFT_OUT.iter().any(|left_out| name == Path::new(left_out)) {
                dirs.push(name);
            }
        }
    }
    Ok(files)
}

fn places<'a>(bytes: &'a [u8], wanted: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let first = wanted.first().copied();
    let starts = bytes.iter().enumerate().filter(move |(_, byte)| Some(**byte) == first);
    starts
        .map(|(at, _)| at)
        .filter(move |at| bytes[*at..].starts_with(wanted))
}

fn line(bytes: &[u8], at: usize) -> usize {
    1 + bytes[..at].iter().filter(|byte| **byte == b'\n').count()
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

/// `…password = "…"`, `…TOKEN=…` or `"secret": "…"` with a value that looks random.
fn assigns_secret(line: &str) -> bool {
    let cuts = line
        .char_indices()
        .filter(|(_, c)| matches!(c, '=' | ':'))
        .map(|(at, _)| at);
    cuts.into_iter().any(|cut| {
        let name = line[..cut].trim_end_matches(['"', '\'', ' ']);
        let start = name
            .rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .map_or(0, |at| at + 1);
        let name = name.get(start..).unwrap_or_default().to_ascii_lowercase();
        let value = line[cut + 1..].trim_start_matches(['=', ' ', '"', '\'', '`']);
        let end = value.find(|c: char| !c.is_ascii() || !(is_base64(c as u8) || is_token(c as u8)));
        let value = &value[..end.unwrap_or(value.len())];
        NAMES.iter().any(|secret| name.contains(secret)) && is_random(value)
    })
}

fn is_random(value: &str) -> bool {
    let has = |of: fn(&u8) -> bool| value.bytes().any(|byte| of(&byte));
    value.len() >= LEAST_VALUE
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_alphabetic)
        && entropy(value.as_bytes()) > RANDOM
}

/// Bits a byte.
fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    bytes.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
    let shares = counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / bytes.len() as f64);
    -shares.map(|share| share * share.log2()).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made here, so that this file holds none.
    fn random(length: usize) -> String {
        const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        let next = |state: &mut u64| {
            *state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            char::from(DIGITS[(*state >> 33) as usize % DIGITS.len()])
        };
        let mut state = 7;
        (0..length).map(|_| next(&mut state)).collect()
    }

    #[test]
    fn each_shape_is_found_and_its_line() {
        for (what, beginning, least) in TOKENS {
            let text = format!("first\nkey {beginning}{}\n", random(least));
            assert_eq!(in_text(&text), [(2, what)], "{beginning}");
            let binary = [b"\0\xff\n", text.as_bytes()].concat();
            assert_eq!(in_bytes(&binary), [(3, what)]);
            assert!(
                in_text(&format!("x{beginning}{}", random(least))).is_empty(),
                "within a word"
            );
            assert!(
                in_text(&format!("{beginning}{}", "x".repeat(least))).is_empty(),
                "a placeholder"
            );
        }
        let key = |between: &str| format!("-----BEGIN OPENSSH PRIVATE KEY-----{between}{}", random(64));
        for between in ["\n", "\r\n", "\\n"] {
            assert_eq!(in_text(&key(between)), [(1, "a private key")]);
        }
        assert!(in_text("starts with -----BEGIN PRIVATE KEY-----\nand so on").is_empty());
    }

    #[test]
    fn a_value_is_a_secret_when_it_looks_random() {
        let value = random(24);
        for line in [
            format!("DB_PASSWORD={value}"),
            format!("let token = \"{value}\";"),
            format!("{{\"client_secret\": \"{value}\"}}"),
        ] {
            assert_eq!(in_text(&line), [(1, "a secret's value")], "{line}");
        }
        for line in [
            "ROUTER_PASS=hunter2",
            "SPEECH_KEY_FILE=/run/secrets/speech_key",
            "let token = read_the_token_of_the_session_from_disk(file);",
            "password = \"correct-horse-battery-staple\"",
            &format!("checksum = \"{value}\""),
        ] {
            assert!(in_text(line).is_empty(), "{line}");
        }
    }

    #[test]
    fn a_tree_is_looked_through_without_builds_and_links() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str| {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("x\nhf_{}", random(34))).unwrap();
        };
        ["a/b/.env", "target/x", ".git/y"].into_iter().for_each(write);
        std::os::unix::fs::symlink("/no/such/file", dir.path().join("link")).unwrap();
        let found = in_files(dir.path(), tree(dir.path()).unwrap()).unwrap();
        let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["a/b/.env:2: a Hugging Face token"]);
    }
}
