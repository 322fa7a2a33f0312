//! `rotate-key`: a new value for a key, without a moment in which nobody is let in.

use anyhow::{Context, Result};

use super::{Deploying, say};
use crate::cli::RotateKey;
use crate::config::Speech;
use crate::secrets::Secret;
use crate::wanted;

impl Deploying {
    /// `rotate-key`.
    pub(crate) fn rotate_key(&self, rotate: &RotateKey) -> Result<()> {
        let key = match &rotate.from {
            Some(path) => Secret::read(path)?,
            None => Secret::random()?,
        };
        let aws = self.aws()?;
        let there = aws.stack(self.name())?;
        let stored = self.stored(&aws)?;
        if rotate.name == "speech_key" {
            let old = stored.get("secrets/speech_key").map(|old| Secret::new(old)).transpose();
            let old = old.context("the stored speech_key is no key")?;
            if old.as_ref() != Some(&key) {
                match &self.wanted.speech {
                    // A host that takes both, then the other side.
                    Speech::Runpod(_) => {
                        self.speech_hosts(
                            &aws,
                            &stored,
                            (&key, old.as_ref()),
                            true,
                            there.is_some(),
                            &mut Vec::new(),
                        )?;
                    }
                    Speech::None { .. } => say(&format!(
                        "add {} to SPEECH_KEY of the speech hosts, beside the old one, before the streaming host takes the new \
                         key: it does when no stream is on air, or in the window",
                        key.hash()
                    )),
                }
            }
        }
        match aws.put_parameter(self.name(), &wanted::secret(&rotate.name, &key))? {
            true => say(&format!(
                "{} has a new value; the host takes it when no stream is on air, or in the window. `status` says when it has",
                rotate.name
            )),
            false => say(&format!("{} had this value already", rotate.name)),
        }
        Ok(())
    }
}
