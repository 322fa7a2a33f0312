//! The certificate that MediaMTX serves RTMPS with: Caddy gets it, writes it into its data directory and renews it there.
//!
//! MediaMTX does not start with a certificate that is not there, so whoever starts it waits. What it was given it reads
//! again whenever Caddy writes it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};
use std::{fs, thread};

use crate::vars::Vars;
use crate::{Failure, signals};

/// Below Caddy's data directory: a directory for each issuer, in it one for each name.
const BELOW: &str = "caddy/certificates";
const POLL: Duration = Duration::from_millis(500);
/// How often waiting is said again.
const SAY_EVERY: Duration = Duration::from_secs(60);
/// A file that is still being written lacks it.
const PEM_END: &str = "-----END ";

/// The two files, in PEM.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Certificate {
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
}

/// Where the certificate of a name will be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    domain: String,
    dir: PathBuf,
}

/// The name that this machine is reached by over TLS, from DOMAIN.
pub(crate) fn domain(vars: &Vars) -> Result<Option<String>, String> {
    let Some(domain) = vars.text("DOMAIN") else {
        return Ok(None);
    };
    let is_label = |label: &str| {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        (1..=63).contains(&label.len()) && label.chars().all(inner) && !label.starts_with('-') && !label.ends_with('-')
    };
    match domain.len() <= 253 && domain.split('.').all(is_label) {
        true => Ok(Some(domain)),
        false => Err(format!(
            "DOMAIN: found {domain:?}, expected one name in lower case, such as live.example"
        )),
    }
}

/// Whether nobody but this machine finds itself by `domain`.
pub(crate) fn is_local(domain: &str) -> bool {
    domain == "localhost" || domain.ends_with(".localhost")
}

/// The certificate to wait for: that of DOMAIN, in CERTIFICATES_DIR. Without both there is none, and no RTMPS.
pub(crate) fn wanted(vars: &Vars, domain: Option<&str>) -> Result<Option<Wanted>, String> {
    let Some(dir) = vars.text("CERTIFICATES_DIR").map(PathBuf::from) else {
        return Ok(None);
    };
    if !dir.is_absolute() {
        let dir = dir.display();
        return Err(format!("CERTIFICATES_DIR: found {dir:?}, expected an absolute path"));
    }
    Ok(domain.map(|domain| Wanted {
        domain: domain.to_owned(),
        dir,
    }))
}

impl Wanted {
    /// Waits until the certificate is there, for as long as that takes: without it there is nothing to start. A signal
    /// ends the wait and this process.
    pub(crate) fn wait(&self) -> Result<Certificate, Failure> {
        if let Some(found) = self.find() {
            return Ok(found);
        }
        signals::end_with("exec: stopped by a signal before there was a certificate")?;
        let began = Instant::now();
        let mut said = None::<Instant>;
        loop {
            if let Some(found) = self.find() {
                eprintln!("dragoman-hook: {}: the certificate is there", self.domain);
                return Ok(found);
            }
            if said.is_none_or(|said| said.elapsed() >= SAY_EVERY) {
                eprintln!(
                    "dragoman-hook: {}: no certificate in {} for {} s; MediaMTX starts when Caddy has written one there \
                     (docker compose logs caddy)",
                    self.domain,
                    self.dir.join(BELOW).display(),
                    began.elapsed().as_secs()
                );
                said = Some(Instant::now());
            }
            thread::sleep(POLL);
        }
    }

    /// The newest, where several issuers gave one.
    fn find(&self) -> Option<Certificate> {
        let issuers = fs::read_dir(self.dir.join(BELOW)).ok()?.flatten();
        let found = issuers.filter_map(|issuer| {
            let file = |suffix: &str| {
                let name = format!("{}.{suffix}", self.domain);
                issuer.path().join(&self.domain).join(name)
            };
            let (chain, key) = (file("crt"), file("key"));
            let written = whole(&chain)?.min(whole(&key)?);
            Some((written, Certificate { chain, key }))
        });
        found.max_by_key(|(written, _)| *written).map(|(_, found)| found)
    }
}

/// When a file was written, once all of it is.
fn whole(file: &Path) -> Option<SystemTime> {
    let text = fs::read_to_string(file).ok()?;
    let is_whole = text.lines().last().is_some_and(|line| line.starts_with(PEM_END));
    is_whole.then(|| fs::metadata(file).ok()?.modified().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn vars(pairs: &[(&str, &str)]) -> Vars {
        Vars::new(pairs.iter().map(|(name, value)| (name.into(), value.into())))
    }

    fn of(dir: &Path) -> Wanted {
        let vars = vars(&[("CERTIFICATES_DIR", dir.to_str().unwrap())]);
        wanted(&vars, Some("live.example")).unwrap().unwrap()
    }

    fn write(dir: &Path, issuer: &str, text: &str) -> PathBuf {
        let dir = dir.join(BELOW).join(issuer).join("live.example");
        fs::create_dir_all(&dir).unwrap();
        for suffix in ["crt", "key"] {
            fs::write(dir.join(format!("live.example.{suffix}")), text).unwrap();
        }
        dir
    }

    #[test]
    fn a_certificate_is_found_whoever_issued_it_and_only_whole() {
        let dir = tempfile::tempdir().unwrap();
        let wanted = of(dir.path());
        assert_eq!(wanted.find(), None);
        let half = write(dir.path(), "acme.example-directory", "-----BEGIN X-----\nAAAA");
        assert_eq!(wanted.find(), None);
        write(
            dir.path(),
            "acme.example-directory",
            "-----BEGIN X-----\nAAAA\n-----END X-----\n",
        );
        assert_eq!(wanted.wait().unwrap().key, half.join("live.example.key"));
        let newer = write(dir.path(), "local", "-----BEGIN X-----\n-----END X-----\n");
        let later = SystemTime::now() + Duration::from_secs(60);
        for suffix in ["crt", "key"] {
            let file = fs::File::options()
                .append(true)
                .open(newer.join(format!("live.example.{suffix}")));
            file.unwrap().set_modified(later).unwrap();
        }
        assert_eq!(wanted.find().unwrap().chain, newer.join("live.example.crt"));
    }

    #[test]
    fn without_a_name_or_a_directory_none_is_wanted() {
        assert_eq!(wanted(&vars(&[]), Some("live.example")), Ok(None));
        assert_eq!(wanted(&vars(&[("CERTIFICATES_DIR", "/c")]), None), Ok(None));
        assert!(wanted(&vars(&[("CERTIFICATES_DIR", "c")]), None).is_err());
    }

    proptest! {
        /// It becomes part of a path.
        #[test]
        fn a_domain_is_never_more_than_a_name(text in "[ -~]{1,80}") {
            if let Ok(Some(domain)) = domain(&vars(&[("DOMAIN", &text)])) {
                let one = Path::new(&domain).components().count() == 1;
                prop_assert!(one && domain != ".." && !domain.contains(['/', ':', ' ', '*']));
            }
        }

        #[test]
        fn a_name_is_taken(text in "[a-z0-9]{1,20}(-[a-z0-9]{1,20}){0,1}(\\.[a-z]{2,10}){0,3}") {
            prop_assert_eq!(domain(&vars(&[("DOMAIN", &text)])), Ok(Some(text)));
        }
    }
}
