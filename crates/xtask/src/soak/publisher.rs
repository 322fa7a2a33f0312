//! The publishers of a soak, one left alone and one disturbed on purpose.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::child::Child;
use crate::stack;

/// From one disturbance to the next.
const EVERY: Duration = Duration::from_secs(60);
/// How far the clocks of the publishers are off, in millionths.
const CLOCK_PPM: i32 = 200;
/// Each so many disturbances, the publisher stays away for longer than it is waited for.
const RESTART_EACH: u32 = 5;
/// A connection that is lost and made again.
const BLINK: Duration = Duration::from_secs(1);
/// How long the media service waits for a publisher, in an accelerated soak.
pub(super) const GRACE: Duration = Duration::from_secs(5);

/// What is done to the publisher at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Disturbance {
    /// Away for longer than the grace period: a new session begins, with a new worker.
    pub(super) restart: bool,
    pub(super) away: Duration,
    /// Of the clock with which it comes back.
    pub(super) clock_ppm: i32,
}

/// The disturbances in their order.
pub(super) fn disturbance(index: u32) -> Disturbance {
    let restart = index % RESTART_EACH == RESTART_EACH - 1;
    Disturbance {
        restart,
        away: if restart { GRACE + Duration::from_secs(3) } else { BLINK },
        clock_ppm: if index.is_multiple_of(2) { -CLOCK_PPM } else { CLOCK_PPM },
    }
}

/// One talking test stream.
pub(super) struct Publisher {
    name: &'static str,
    url: String,
    dir: PathBuf,
    child: Option<Child>,
    clock_ppm: i32,
    disturbed: u32,
    next: Option<Instant>,
    back: Option<Instant>,
    /// When it was last disturbed, or began.
    pub(super) since: Instant,
}

impl Publisher {
    /// Starts to publish. Accelerated, its clock runs fast, and a shaken one is disturbed again and again.
    pub(super) fn start(name: &'static str, url: String, dir: PathBuf, accelerate: bool, shaken: bool) -> Result<Self> {
        let now = Instant::now();
        let mut publisher = Self {
            name,
            url,
            dir,
            child: None,
            clock_ppm: if accelerate { CLOCK_PPM } else { 0 },
            disturbed: 0,
            next: (accelerate && shaken).then_some(now + EVERY),
            back: None,
            since: now,
        };
        publisher.spawn()?;
        Ok(publisher)
    }

    /// The pictures are small: what encodes them shall not be what is measured.
    fn spawn(&mut self) -> Result<()> {
        let mut command = Command::new(stack::binary("dragoman-probe")?);
        command
            .args(["publish", &self.url, "--size", "320x180", "--bitrate", "300"])
            .args(["--clock-ppm", &self.clock_ppm.to_string()]);
        self.child = Some(Child::spawn(
            &format!("publish-{}", self.name),
            &mut command,
            &self.dir,
            false,
        )?);
        Ok(())
    }

    /// Does what is due. Says what it did, and fails when the publisher has ended by itself.
    pub(super) fn turn(&mut self) -> Result<Option<String>> {
        let now = Instant::now();
        if let Some(child) = &mut self.child {
            child.check()?;
        }
        if self.back.is_some_and(|back| now >= back) {
            self.back = None;
            self.since = now;
            self.spawn()?;
            return Ok(None);
        }
        if self.next.is_none_or(|next| now < next) {
            return Ok(None);
        }
        let what = disturbance(self.disturbed);
        self.disturbed += 1;
        self.next = Some(now + EVERY);
        self.back = Some(now + what.away);
        self.since = now;
        self.clock_ppm = what.clock_ppm;
        if let Some(mut child) = self.child.take() {
            // A restart says goodbye, a lost connection does not.
            if what.restart { child.stop() } else { child.kill() }
        }
        let kind = if what.restart { "restarts" } else { "reconnects" };
        Ok(Some(format!("{} {kind}, clock {:+} ppm", self.name, what.clock_ppm)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_clocks_and_both_kinds_of_absence_take_turns() {
        let all: Vec<Disturbance> = (0..10).map(disturbance).collect();
        assert_eq!(all.iter().filter(|one| one.restart).count(), 2);
        assert!(all.iter().all(|one| one.restart == (one.away > GRACE)));
        assert_eq!(all.iter().map(|one| one.clock_ppm).sum::<i32>(), 0);
        assert!(all.iter().any(|one| one.restart && one.clock_ppm > 0));
        assert!(all.iter().any(|one| one.restart && one.clock_ppm < 0));
    }
}
