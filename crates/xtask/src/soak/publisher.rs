//! The publishers of a soak: those that are left alone and the one that is disturbed on purpose.

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
/// Of so many disturbances, one keeps the publisher away for longer than it is waited for; the workers between two of them
/// live long enough for their memory to have a slope.
const RESTART_EACH: u32 = 12;
/// The first of them; a soak of five minutes has one.
const RESTART_FIRST: u32 = 2;
/// A connection that is lost and made again.
const BLINK: Duration = Duration::from_secs(1);
/// How long the media service waits for a publisher, in an accelerated soak.
pub(super) const GRACE: Duration = Duration::from_secs(5);

/// What a publisher is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Role {
    pub(super) name: &'static str,
    /// How much faster than the machine's its clock is, in millionths.
    clock_ppm: i32,
    /// Its connection is lost each minute, and its clock is another one each time.
    pub(super) shaken: bool,
}

/// Left alone: their workers live as long as the soak.
const PLAIN: [Role; 2] = [role("first", 0, false), role("second", 0, false)];
const ACCELERATED: [Role; 3] = [
    role("fast", CLOCK_PPM, false),
    role("slow", -CLOCK_PPM, false),
    role("shaken", CLOCK_PPM, true),
];

const fn role(name: &'static str, clock_ppm: i32, shaken: bool) -> Role {
    Role {
        name,
        clock_ppm,
        shaken,
    }
}

/// The publishers of a soak.
pub(super) fn roles(accelerate: bool) -> &'static [Role] {
    if accelerate { &ACCELERATED } else { &PLAIN }
}

/// What is done to the publisher at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Disturbance {
    /// Away for longer than the grace period: a new session begins, with a new worker.
    restart: bool,
    away: Duration,
    /// Of the clock with which it comes back.
    clock_ppm: i32,
}

/// The disturbances in their order.
fn disturbance(index: u32) -> Disturbance {
    let restart = index % RESTART_EACH == RESTART_FIRST;
    Disturbance {
        restart,
        away: if restart { GRACE + Duration::from_secs(3) } else { BLINK },
        clock_ppm: if index.is_multiple_of(2) { -CLOCK_PPM } else { CLOCK_PPM },
    }
}

/// One talking test stream.
pub(super) struct Publisher {
    role: Role,
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
    /// Starts to publish.
    pub(super) fn start(role: Role, url: String, dir: PathBuf) -> Result<Self> {
        let now = Instant::now();
        let mut publisher = Self {
            role,
            url,
            dir,
            child: None,
            clock_ppm: role.clock_ppm,
            disturbed: 0,
            next: role.shaken.then_some(now + EVERY),
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
        let name = format!("publish-{}", self.role.name);
        self.child = Some(Child::spawn(&name, &mut command, &self.dir, false)?);
        Ok(())
    }

    /// Does what is due. Says what it did, and fails when the publisher has ended by itself.
    pub(super) fn turn(&mut self) -> Result<Option<Event>> {
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
        Ok(Some(Event {
            stream: self.role.name.to_owned(),
            restart: what.restart,
        }))
    }
}

/// What was done to a publisher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) stream: String,
    /// Its session ended, and with it its worker.
    pub(super) restart: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_clocks_and_both_kinds_of_absence_take_turns() {
        let all: Vec<Disturbance> = (0..24).map(disturbance).collect();
        assert_eq!(all.iter().filter(|one| one.restart).count(), 2);
        assert!(all.iter().all(|one| one.restart == (one.away > GRACE)));
        assert_eq!(all.iter().map(|one| one.clock_ppm).sum::<i32>(), 0);
        assert!(all[..4].iter().any(|one| one.restart), "five minutes have none");
    }
}
