//! Where the host goes and what it boots: found at AWS where the user does not say.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::Stack;
use super::client::{Aws, list, text};
use super::template::{Wanted, architecture};
use super::volume::Volume;
use crate::config::{Architecture, Streams};

/// How long the host may take from its creation to the first stream that could be dubbed: packages and images are fetched.
const HEALTHY_MINUTES: u32 = 15;

struct Place {
    vpc: String,
    subnet: String,
    zone: String,
}

impl Aws {
    /// What the stack of the deployment `name` is to be. What `there` was made with stays where the user does not say
    /// otherwise: a newer image of the same system is no reason to replace a host. A data volume that an earlier stack left
    /// is used again, in its zone.
    pub fn wanted(&self, name: &str, streams: &Streams, there: Option<&Stack>) -> Result<Wanted> {
        let kept = |parameter: &str| there.and_then(|stack| stack.parameters.get(parameter)).cloned();
        let instance_type = streams
            .instance_type
            .clone()
            .unwrap_or_else(|| default_type(streams.architecture).to_owned());
        if kept("InstanceType").as_ref() != Some(&instance_type) {
            self.check_type(&instance_type, streams.architecture)?;
        }
        let volume = match there {
            Some(_) => None,
            None => self.find_volume(name)?,
        };
        if let Some(Volume {
            id,
            attached: Some(instance),
            ..
        }) = &volume
        {
            bail!(
                "the data volume {id} of {name} is in use by {instance}, which no stack knows: end that instance first"
            );
        }
        let asked = |value: &Option<String>, parameter: &str| value.is_none() || *value == kept(parameter);
        let place = match (kept("Vpc"), kept("Subnet"), kept("Zone")) {
            (Some(vpc), Some(subnet), Some(zone)) if asked(&streams.vpc, "Vpc") && asked(&streams.subnet, "Subnet") => {
                Place { vpc, subnet, zone }
            }
            _ => self.place(streams, &instance_type, volume.as_ref())?,
        };
        let same_image = match &streams.machine_image {
            Some(image) if image.starts_with("ami-") => kept("Image").as_ref() == Some(image),
            _ => kept("Architecture").as_deref() == Some(architecture(streams.architecture)),
        };
        let (image, root_device) = match (kept("Image"), kept("RootDevice")) {
            (Some(image), Some(root)) if same_image => (image, root),
            _ => self.image(streams.architecture, streams.machine_image.as_deref())?,
        };
        let volume = match there {
            Some(_) => kept("Volume").filter(|volume| !volume.is_empty()),
            None => volume.map(|volume| volume.id),
        };
        Ok(Wanted {
            name: name.to_owned(),
            vpc: place.vpc,
            subnet: place.subnet,
            zone: place.zone,
            image,
            root_device,
            architecture: streams.architecture,
            instance_type,
            disk_gb: streams.disk_gb,
            volume,
            allow: streams.allow.clone(),
            domain: streams.domain.is_some(),
            healthy_minutes: HEALTHY_MINUTES,
        })
    }

    /// The image's id and its first disk.
    fn image(&self, wanted: Architecture, named: Option<&str>) -> Result<(String, String)> {
        let debian = format!("/aws/service/debian/release/13/latest/{}", architecture(wanted));
        let named = named.unwrap_or(&debian);
        let id = match named.starts_with("ami-") {
            true => named.to_owned(),
            false => {
                let answer = self
                    .call("ssm get-parameter", &json!({ "Name": named }))
                    .with_context(|| format!("cannot find the machine image that the parameter {named} names"))?;
                text(&answer, "/Parameter/Value")?
            }
        };
        let answer = self
            .call("ec2 describe-images", &json!({ "ImageIds": [id] }))
            .with_context(|| format!("cannot find the machine image {id} in {}", self.region()))?;
        let image = list(&answer, "Images")
            .next()
            .with_context(|| format!("there is no machine image {id} in {}", self.region()))?;
        let processor = text(image, "/Architecture")?;
        if processor != aws_architecture(wanted) {
            bail!(
                "the machine image {id} is for {processor}, but `architecture` is {}: set one of them",
                architecture(wanted)
            );
        }
        Ok((id, text(image, "/RootDeviceName")?))
    }

    fn check_type(&self, instance_type: &str, wanted: Architecture) -> Result<()> {
        let answer = self
            .call(
                "ec2 describe-instance-types",
                &json!({ "InstanceTypes": [instance_type] }),
            )
            .with_context(|| format!("cannot find the instance type {instance_type} in {}", self.region()))?;
        let found = list(&answer, "InstanceTypes")
            .next()
            .with_context(|| format!("there is no instance type {instance_type} in {}", self.region()))?;
        let processors = found.pointer("/ProcessorInfo/SupportedArchitectures");
        let runs = processors
            .and_then(Value::as_array)
            .is_some_and(|all| all.iter().any(|one| one.as_str() == Some(aws_architecture(wanted))));
        if !runs {
            bail!(
                "the instance type {instance_type} is not {}, which `architecture` asks for: set one of them",
                architecture(wanted)
            );
        }
        Ok(())
    }

    /// The user's subnet, or the first of the network in a zone that has this instance type and, if there is one, the volume.
    fn place(&self, streams: &Streams, instance_type: &str, volume: Option<&Volume>) -> Result<Place> {
        let mut filters = Vec::new();
        if let Some(subnet) = &streams.subnet {
            filters.push(json!({ "Name": "subnet-id", "Values": [subnet] }));
        }
        match (&streams.vpc, &streams.subnet) {
            (Some(vpc), _) => filters.push(json!({ "Name": "vpc-id", "Values": [vpc] })),
            (None, Some(_)) => {}
            (None, None) => filters.push(json!({ "Name": "vpc-id", "Values": [self.default_vpc()?] })),
        }
        let answer = self
            .call("ec2 describe-subnets", &json!({ "Filters": filters }))
            .context("cannot list the subnets")?;
        let mut places = Vec::new();
        for subnet in list(&answer, "Subnets") {
            places.push(Place {
                vpc: text(subnet, "/VpcId")?,
                subnet: text(subnet, "/SubnetId")?,
                zone: text(subnet, "/AvailabilityZone")?,
            });
        }
        places.sort_by(|one, other| (&one.zone, &one.subnet).cmp(&(&other.zone, &other.subnet)));
        if places.is_empty() {
            bail!(
                "there is no such subnet in {}: check `vpc` and `subnet` in the deployment's file",
                self.region()
            );
        }
        if let Some(Volume { id, zone, .. }) = volume {
            places.retain(|place| place.zone == *zone);
            if places.is_empty() {
                bail!(
                    "the data volume {id} is in {zone}, where no such subnet is: set a `subnet` of that zone, or delete the \
                     volume (`down --delete-data`)"
                );
            }
        }
        if streams.subnet.is_none() {
            let zones = self.zones_with(instance_type)?;
            places.retain(|place| zones.contains(&place.zone));
        }
        places.into_iter().next().with_context(|| {
            format!("no subnet is in a zone that has the instance type {instance_type}: set another `instance_type`")
        })
    }

    fn default_vpc(&self) -> Result<String> {
        let input = json!({ "Filters": [{ "Name": "is-default", "Values": ["true"] }] });
        let answer = self
            .call("ec2 describe-vpcs", &input)
            .context("cannot list the networks")?;
        match list(&answer, "Vpcs").next() {
            Some(vpc) => text(vpc, "/VpcId"),
            None => bail!(
                "the account has no default network in {}: set `vpc` and `subnet`, or `aws ec2 create-default-vpc`",
                self.region()
            ),
        }
    }

    fn zones_with(&self, instance_type: &str) -> Result<Vec<String>> {
        let input = json!({
            "LocationType": "availability-zone",
            "Filters": [{ "Name": "instance-type", "Values": [instance_type] }],
        });
        let answer = self
            .call("ec2 describe-instance-type-offerings", &input)
            .with_context(|| format!("cannot ask where there is {instance_type}"))?;
        list(&answer, "InstanceTypeOfferings")
            .map(|offering| text(offering, "/Location"))
            .collect()
    }
}

/// Four cores of the generation that most regions have.
fn default_type(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::Amd64 => "c6i.xlarge",
        Architecture::Arm64 => "c7g.xlarge",
    }
}

fn aws_architecture(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::Amd64 => "x86_64",
        Architecture::Arm64 => "arm64",
    }
}
