//! What the commands do, each in its own file.

mod down;
mod gpu;
mod plan;
mod rotate;
mod status;
mod up;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::aws::{self, Aws};
use crate::cli::{Logs, Of};
use crate::config::Deployment;
use crate::registry::{self, Found, Image};
use crate::wanted;

/// A deployment, and the way to its providers.
pub(crate) struct Deploying {
    wanted: Deployment,
}

/// What the parameter store holds of a deployment.
type Stored = BTreeMap<String, String>;

/// A line of progress, beside what a command was asked for.
fn say(line: &str) {
    eprintln!("{line}");
}

impl Deploying {
    /// The file, judged; no provider is asked yet.
    pub(crate) fn read(file: &Path) -> Result<Deploying> {
        Ok(Deploying {
            wanted: Deployment::read(file)?,
        })
    }

    fn name(&self) -> &str {
        &self.wanted.name
    }

    /// AWS, once it is known who asks.
    fn aws(&self) -> Result<Aws> {
        let aws = Aws::new(&self.wanted.streams.region)?;
        let identity = aws.identity()?;
        say(&format!(
            "AWS account {} in {} as {}",
            identity.account,
            aws.region(),
            identity.arn
        ));
        Ok(aws)
    }

    /// What the parameter store holds of this deployment, secrets too.
    fn stored(&self, aws: &Aws) -> Result<Stored> {
        aws.parameters(&aws::prefix(self.name()), true)
    }

    /// Asks the registries for every image, before anything is rented.
    fn check_images(&self) -> Result<()> {
        let mut wrong = Vec::new();
        for (name, image, architecture) in wanted::images(&self.wanted) {
            let parsed = Image::parse(image).with_context(|| format!("{image} is no image by digest"))?;
            match registry::find(&parsed, architecture) {
                Found::Fits => {}
                Found::Missing => wrong.push(format!("{name}: the registry has no {image}")),
                Found::Other(there) => wrong.push(format!(
                    "{name}: {image} is for {}, not for {architecture}: name the image index of the release, or one for this \
                     processor",
                    there.join(" and ")
                )),
                Found::Unknown(why) => say(&format!("not checked: {name} ({why})")),
            }
        }
        if !wrong.is_empty() {
            bail!("images that cannot run:\n  {}", wrong.join("\n  "));
        }
        Ok(())
    }

    /// `logs`.
    pub(crate) fn logs(&self, logs: &Logs) -> Result<()> {
        match logs.of {
            Of::Streams => {
                let aws = self.aws()?;
                let mut count = 0;
                aws.logs(self.name(), usize::try_from(logs.lines)?, false, &mut |line| {
                    count += 1;
                    println!("{line}");
                    ControlFlow::Continue(())
                })?;
                if count == 0 {
                    say("the streaming host has said nothing yet");
                }
                Ok(())
            }
            Of::Speech => self.gpu_logs(logs.lines),
        }
    }
}
