//! The README, whose messages are those that the programs say.

use anyhow::{Result, ensure};

/// Fails unless the README has this sentence.
pub fn quotes(sentence: &str) -> Result<()> {
    ensure!(
        include_str!("../../README.md").contains(sentence),
        "the README does not have {sentence:?}"
    );
    Ok(())
}
