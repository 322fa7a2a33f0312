//! What must hold before a session starts.

use std::fs::File;

use anyhow::{Context, Result, anyhow};
use gstreamer as gst;
use rustix::fs::{FlockOperation, flock};

use super::{encoder, ingest};
use crate::rtmp_url::RtmpUrl;
use crate::spec::Spec;

/// What is wrong with a spec.
pub(super) fn judge(spec: &Spec) -> Result<(), &'static str> {
    match spec.programmes.len() {
        0 => Err("no target"),
        1..=4 if spec.programmes.iter().any(|p| RtmpUrl::parse(&p.url).is_err()) => {
            Err("a programme's URL is not rtmp(s)://host/app/key")
        }
        1..=4 => Ok(()),
        _ => Err("more than four targets"),
    }
}

/// The kernel keeps workers at one a stream: the lock goes when the process does.
pub(super) fn lock(spec: &Spec) -> Result<Option<File>> {
    std::fs::create_dir_all(&spec.run_dir).context("create the run directory")?;
    let path = spec.run_dir.join(format!("{}.lock", spec.stream));
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .context("open the lock")?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// All missing elements at once.
pub(super) fn preflight() -> Result<()> {
    gst::init()?;
    let mut missing: Vec<&str> = ingest::pipeline::ELEMENTS
        .into_iter()
        .chain(encoder::ELEMENTS)
        .filter(|name| gst::ElementFactory::find(name).is_none())
        .collect();
    missing.sort_unstable();
    missing.dedup();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(anyhow!("missing elements: {}", missing.join(", ")))
    }
}
