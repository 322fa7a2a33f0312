//! Whether stages that once worked still do.
//!
//! A failure can be its utterance's fault; several in a row, over all streams, are not, nor is one of the device. The engine is
//! then not ready: its sessions end, so that another host can take them, and no further one is let in. The thread that found
//! it out uses every stage as at the start, again and again, until all of them work.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use dragoman_protocol::code;

use super::meters::STAGES;
use super::shared::Shared;
use super::warm::warm_up;

/// So many failures of a stage in a row are the stage's.
const IN_A_ROW: u32 = 3;

/// What is remembered of how stages worked.
#[derive(Default)]
pub(super) struct Health {
    failures: [AtomicU32; 3],
    is_mending: AtomicBool,
}

impl Shared {
    /// A stage did its work.
    pub(super) fn worked(&self, stage: usize) {
        self.health.failures[stage].store(0, Ordering::Relaxed);
    }

    /// A stage did not do its work.
    pub(super) fn failed(&self, stage: usize, code: &'static str, message: &str) {
        self.meters.failed(stage);
        let failures = self.health.failures[stage].fetch_add(1, Ordering::Relaxed) + 1;
        let is_device = matches!(code, code::OUT_OF_MEMORY | code::DEVICE_LOST);
        if failures >= IN_A_ROW || is_device {
            self.fail(format!("{}: {message}", STAGES[stage]));
        }
    }

    /// Where the engine is broken, tries it until it works or is closed; another thread may be at it already.
    pub(super) fn mend(&self) {
        let Some(loaded) = self.loaded() else { return };
        if !self.is_broken() || self.health.is_mending.swap(true, Ordering::Relaxed) {
            return;
        }
        while self.is_broken() && self.wait(self.settings.retry) {
            let tried = catch_unwind(AssertUnwindSafe(|| warm_up(self, &loaded.stages)));
            match tried.unwrap_or_else(|_panic| Err("a stage panicked".to_owned())) {
                Ok(()) => {
                    (0..STAGES.len()).for_each(|stage| self.worked(stage));
                    self.heal();
                    tracing::info!("the engine works again");
                }
                Err(problem) => self.fail(problem),
            }
        }
        self.health.is_mending.store(false, Ordering::Relaxed);
    }
}
