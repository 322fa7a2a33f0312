//! `plan`: what `up` would do.

use anyhow::Result;

use super::Deploying;
use crate::aws::{self, Aws, Plan, Release, Stack};
use crate::secrets::NAMES;
use crate::wanted;

impl Deploying {
    /// `plan`.
    pub(crate) fn plan(&self) -> Result<()> {
        let aws = self.aws()?;
        self.check_images()?;
        let there = aws.stack(self.name())?;
        let wanted = aws.wanted(self.name(), &self.wanted.streams, there.as_ref())?;
        println!(
            "streams: {} in {}, {} GB of data",
            wanted.instance_type, wanted.zone, wanted.disk_gb
        );
        for line in stack(&aws.plan_stack(&wanted, there.as_ref())?) {
            println!("  {line}");
        }
        self.plan_parameters(&aws, there.as_ref())?;
        self.plan_gpus()?;
        println!(
            "costs: the instance, its address, its disks and what viewers draw, as AWS's price list says; and the speech host \
             as above"
        );
        Ok(())
    }

    fn plan_parameters(&self, aws: &Aws, stack: Option<&Stack>) -> Result<()> {
        // Secrets stay ciphertext: only whether they are there counts.
        let stored = aws.parameters(&aws::prefix(self.name()), false)?;
        for (name, what) in NAMES {
            if !stored.contains_key(&format!("secrets/{name}")) {
                println!("  new key for {what} ({name})");
            }
        }
        let old = stored.get("release").map(|json| Release::parse(json)).transpose()?;
        let tls = self.has_tls(stack, old.as_ref());
        if let Some(domain) = self.wanted.streams.domain.as_ref().filter(|_| !tls) {
            println!("  {domain} has to point to the host's address, which `up` says, before anything is served");
        }
        let release = wanted::release(&self.wanted, old.as_ref(), tls, false)?;
        match old {
            None => println!("  release {}", release.id),
            Some(old) if old == release => {}
            Some(old) => {
                println!("  release {} in place of {}", release.id, old.id);
                for (name, image) in &release.images {
                    if old.images.get(name) != Some(image) {
                        println!("    {name}: {image}");
                    }
                }
                for (name, value) in &release.settings {
                    if old.settings.get(name) != Some(value) {
                        println!("    {name}={value}");
                    }
                }
                for name in old.settings.keys().filter(|name| !release.settings.contains_key(*name)) {
                    println!("    {name} as by default");
                }
            }
        }
        for file in wanted::files()? {
            if stored.get(&file.name) != Some(&file.value) {
                println!("  {}", file.name);
            }
        }
        Ok(())
    }
}

fn stack(plan: &Plan) -> Vec<String> {
    match plan {
        Plan::Same => vec!["the stack is as wanted".into()],
        Plan::Create(None) => vec!["a new stack".into()],
        Plan::Create(Some(status)) => vec![format!("a new stack, in place of what an earlier run left ({status})")],
        Plan::Wait(status) => vec![format!("the stack is at work ({status}): `up` waits for it")],
        Plan::Update(changes) if changes.is_empty() => vec!["the stack changes; AWS does not say what".into()],
        Plan::Update(changes) => changes
            .iter()
            .map(|change| {
                let how = match (change.replaced, change.interrupted) {
                    (true, _) => ", by a new one: refused",
                    (false, true) => ", stopped and started: only with --now",
                    (false, false) => "",
                };
                format!("{} {}{how}", change.action, change.resource)
            })
            .collect(),
    }
}
