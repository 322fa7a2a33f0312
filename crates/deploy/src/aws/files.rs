//! A file as the values of parameters.

use std::io::{Read, Write};

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// What the parameter store takes for one value, in bytes.
pub const MAX_PARAMETER: usize = 8192;
/// What it takes of the free tier.
const PART: usize = 4096;
/// They are sorted by name: a digit each.
const MAX_PARTS: usize = 10;

/// What is taken of a packed file, in bytes; none of ours is near.
const MAX_FILE: u64 = 1 << 20;

/// Base64 of gzip. The same text always becomes the same value, so that it is known whether it changed.
pub fn pack(text: &str) -> Result<String> {
    let mut packed = flate2::GzBuilder::new()
        .mtime(0)
        .operating_system(255)
        .write(Vec::new(), flate2::Compression::best());
    packed.write_all(text.as_bytes()).context("cannot pack a file")?;
    Ok(STANDARD.encode(packed.finish().context("cannot pack a file")?))
}

/// A packed file in parts that a parameter takes, `name/0`, `name/1` and so on. Parts of different versions do not go
/// together: what they would be unpacked to has another checksum than gzip wrote down.
pub fn parts(name: &str, text: &str) -> Result<Vec<(String, String)>> {
    let value = pack(text)?;
    let count = value.len().div_ceil(PART);
    if count > MAX_PARTS {
        bail!(
            "{name} is {} bytes when packed, at most {} fit",
            value.len(),
            PART * MAX_PARTS
        );
    }
    // Base64 is ASCII: any place is one to cut at.
    Ok(value
        .as_bytes()
        .chunks(PART)
        .enumerate()
        .map(|(index, part)| (format!("{name}/{index}"), String::from_utf8_lossy(part).into_owned()))
        .collect())
}

/// The text again.
pub fn unpack(value: &str) -> Result<String> {
    let packed = STANDARD.decode(value.trim()).context("a packed file is no base64")?;
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed.as_slice())
        .take(MAX_FILE)
        .read_to_string(&mut text)
        .context("a packed file cannot be unpacked")?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_text_comes_back_and_is_packed_the_same_twice(text in "\\PC{0,400}") {
            let value = pack(&text).unwrap();
            prop_assert_eq!(&value, &pack(&text).unwrap());
            prop_assert_eq!(&unpack(&value).unwrap(), &text);
            let joined: String = parts("a", &text).unwrap().into_iter().map(|(_, part)| part).collect();
            prop_assert_eq!(joined, value);
        }
    }

    #[test]
    fn what_is_too_long_is_refused_before_the_provider_does() {
        // Does not shrink.
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            char::from(b'!' + (state >> 24) as u8 % 90)
        };
        let noise: String = (0..60_000).map(|_| next()).collect();
        assert!(parts("a", &noise).unwrap_err().to_string().contains("40960"));
        let cut = parts("a", &noise[..20_000]).unwrap();
        assert!(cut.len() > 3 && cut.iter().all(|(_, part)| part.len() <= PART));
        assert_eq!(cut[1].0, "a/1");
        assert!(unpack("!").is_err() && unpack("AAAA").is_err());
    }
}
