//! An authority of our own and what it vouches for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::store::REGION;
use super::wires::OUTSIDE;
use crate::material::run;

const TRUSTED: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Files in PEM.
#[derive(Debug)]
pub struct Identities {
    dir: PathBuf,
    files: [PathBuf; 3],
}

impl Identities {
    /// Makes them in `dir`.
    pub fn make(dir: &Path) -> Result<Self> {
        let made = Self {
            dir: dir.to_owned(),
            files: ["ca-bundle.pem", "provider.pem", "speech.pem"].map(|name| dir.join(name)),
        };
        made.openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=rehearsal -keyout ca.key -out ca.pem")?;
        made.identity("provider", &format!("DNS:*.{REGION}.amazonaws.com"))?;
        made.identity("speech", &format!("IP:{OUTSIDE}"))?;
        let mut bundle = fs::read_to_string(TRUSTED).with_context(|| format!("cannot read {TRUSTED}"))?;
        bundle.push_str(&fs::read_to_string(dir.join("ca.pem"))?);
        fs::write(made.bundle(), bundle)?;
        Ok(made)
    }

    /// What the system trusts, and our authority.
    pub fn bundle(&self) -> &Path {
        &self.files[0]
    }

    /// Certificate and key of the provider's interfaces.
    pub fn provider(&self) -> &Path {
        &self.files[1]
    }

    /// Those of the speech hosts' proxies.
    pub fn speech(&self) -> &Path {
        &self.files[2]
    }

    fn identity(&self, name: &str, for_whom: &str) -> Result<()> {
        fs::write(
            self.dir.join(format!("{name}.ext")),
            format!("subjectAltName={for_whom}\n"),
        )?;
        self.openssl(&format!(
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={name} -keyout {name}.key -out {name}.csr"
        ))?;
        self.openssl(&format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile {name}.ext -out {name}.crt"
        ))?;
        let text = fs::read_to_string(self.dir.join(format!("{name}.crt")))?
            + &fs::read_to_string(self.dir.join(format!("{name}.key")))?;
        fs::write(self.dir.join(format!("{name}.pem")), text)?;
        Ok(())
    }

    fn openssl(&self, arguments: &str) -> Result<()> {
        run(Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(&self.dir))
        .map(drop)
    }
}
