//! `down`: nothing that costs money stays, but volumes, which are named.

use std::io::{BufRead, IsTerminal};

use anyhow::{Result, bail};

use super::{Deploying, say};
use crate::aws;
use crate::cli::Down;

impl Deploying {
    /// `down`.
    pub(crate) fn down(&self, down: &Down) -> Result<()> {
        let aws = self.aws()?;
        let stack = aws.stack(self.name())?;
        if !down.yes {
            let data = if down.delete_data {
                ", with recordings and models"
            } else {
                ""
            };
            say(&format!(
                "this ends {} in {}: every stream on air, the speech hosts, the keys{data}",
                self.name(),
                aws.region()
            ));
            self.confirm()?;
        }
        if stack.is_none() {
            say("there is no stack of that name");
        }
        let volumes = aws.delete_stack(self.name(), &mut |line| say(line))?;
        self.delete_gpus(down.delete_data)?;
        let parameters = aws.delete_parameters(&aws::prefix(self.name()))?;
        say(&format!("{parameters} parameters deleted, the keys among them"));
        if down.delete_data {
            for volume in aws.delete_volumes(self.name())? {
                say(&format!("data volume {volume} deleted"));
            }
        } else {
            for volume in volumes {
                say(&format!(
                    "kept, and paid for: data volume {} of {} GB in {}; `up` uses it again, `down --delete-data` deletes it",
                    volume.id, volume.gb, volume.zone
                ));
            }
        }
        Ok(())
    }

    fn confirm(&self) -> Result<()> {
        let stdin = std::io::stdin();
        if !stdin.is_terminal() {
            bail!("nobody is there to be asked: add --yes");
        }
        say(&format!("type its name ({}) to go on:", self.name()));
        let mut answer = String::new();
        stdin.lock().read_line(&mut answer)?;
        if answer.trim() != self.name() {
            bail!("nothing was deleted");
        }
        Ok(())
    }
}
