//! Taking no further streams: until it is taken back, or until what is on air has ended and the service with it.

use std::io;
use std::path::{Path, PathBuf};

use super::super::room::{Capacity, Halves};
use super::{Answer, Supervisor};

/// Whether further streams are taken, and why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drain {
    No,
    /// Somebody asked for it, and may take it back.
    Wished,
    /// The service was told to stop, and streams on air have some time left.
    Stopping,
}

/// The wish, written down for the next orchestrator should this one die. It holds for one run of the service: what
/// another guardian's orchestrator was asked for is void.
#[derive(Debug)]
pub(crate) struct Wish {
    file: PathBuf,
    /// The guardian's process id.
    run: String,
}

impl Wish {
    pub(crate) fn new(run_dir: &Path, guardian: Option<i32>) -> Wish {
        Wish {
            file: run_dir.join("draining"),
            run: guardian.unwrap_or_default().to_string(),
        }
    }

    fn is_kept(&self) -> io::Result<bool> {
        match std::fs::read_to_string(&self.file) {
            Ok(run) if run == self.run => Ok(true),
            Ok(_) => {
                tracing::warn!("an earlier run of the service ended while it drained; this one takes streams");
                self.drop().map(|()| false)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn keep(&self) -> io::Result<()> {
        // By rename: a file half written would be another run's.
        let new = self.file.with_extension("new");
        std::fs::write(&new, &self.run)?;
        std::fs::rename(&new, &self.file)
    }

    fn drop(&self) -> io::Result<()> {
        match std::fs::remove_file(&self.file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

impl Supervisor {
    /// Goes on draining where an orchestrator of the same run left off.
    pub(super) fn take_over_drain(&mut self) {
        match self.wish.is_kept() {
            Ok(false) => {}
            Ok(true) => {
                tracing::warn!("draining, as the orchestrator before this one was asked to");
                self.drain = Drain::Wished;
            }
            Err(error) => tracing::error!(%error, "whether the service was draining cannot be read; it takes streams"),
        }
    }

    /// Somebody wants the service to drain, or to go on.
    pub(super) fn set_drain(&mut self, wanted: bool) -> Answer {
        match (self.drain, wanted) {
            (Drain::Stopping, false) => return Answer::Stopping,
            (Drain::No, false) | (Drain::Wished | Drain::Stopping, true) => return Answer::Done,
            (Drain::Wished, false) => {
                tracing::info!("no longer draining");
                self.drain = Drain::No;
                // What was refused meanwhile is asked for.
                self.poke.notify_one();
            }
            (Drain::No, true) => {
                tracing::info!("draining: no further streams, and the end once none is on air");
                self.drain = Drain::Wished;
            }
        }
        let kept = if wanted { self.wish.keep() } else { self.wish.drop() };
        if let Err(error) = kept {
            tracing::error!(%error, wanted, "the wish to drain cannot be written down: it ends with this orchestrator");
        }
        Answer::Done
    }

    /// The service was told to stop; what is on air goes on for some time.
    pub(super) fn stop_soon(&mut self) {
        self.drain = Drain::Stopping;
    }

    /// Nothing is on air any more, and nothing will be.
    pub(super) fn is_drained(&self) -> bool {
        self.drain != Drain::No && self.capacity().used == Halves::default()
    }

    /// A service that ends is not asked for anything any more.
    pub(super) fn forget_drain(&self) {
        if let Err(error) = self.wish.drop() {
            tracing::error!(%error, "the wish to drain cannot be removed");
        }
    }

    pub(super) fn capacity(&self) -> Capacity {
        Capacity {
            slots: Halves::slots(self.config.max_streams),
            used: self.streams.values().map(|stream| stream.machine.takes()).sum(),
            draining: self.drain != Drain::No,
        }
    }
}
