//! A file, looped as if it were a live source.
//!
//! H.264 and AAC pass through as they are, but for our stamps; anything else is decoded and encoded. The sound of each
//! round joins that of the last one without a gap, and pictures keep their place beside it.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use gstreamer as gst;

use super::demux::{Input, Unit};
use super::egress::Egress;
use super::encode::Stamper;
use super::{Ended, ORIGIN_NS, Options, Started, pace};
use crate::element;

/// The next round's file is opened so long before the end of this one.
const AHEAD_NS: i64 = 2_000_000_000;
/// How long a file may take to show what is in it.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn run(
    options: &Options,
    path: &Path,
    stop: &AtomicBool,
    on_start: &mut dyn FnMut(&Started),
) -> Result<Ended> {
    let mut player = Player::open(options, path, stop)?;
    let started = Started {
        event: "publishing",
        input: path.display().to_string(),
        video: player.input.video_how(),
        audio: player.input.audio_how(),
        run: super::draw_run(),
        start_ns: element::now_ns(),
    };
    player.stamper = Stamper::new(started.run, false, options.clock_ppm);
    player.stamper.start(started.start_ns);
    player.start_ns = started.start_ns;
    on_start(&started);
    let end_ns = options.seconds.map_or(i64::MAX, |seconds| (seconds * 1e9) as i64);
    while !stop.load(Ordering::Acquire) && player.position_ns < end_ns {
        if !player.step()? {
            player.next_round()?;
        }
    }
    let seconds = player.position_ns as f64 / 1e9;
    player.egress.finish()?;
    Ok(Ended {
        event: "ended",
        access_units: player.stamper.frames(),
        seconds,
    })
}

struct Player<'a> {
    options: &'a Options,
    path: &'a Path,
    stop: &'a AtomicBool,
    egress: Egress,
    stamper: Stamper,
    start_ns: u64,
    input: Input,
    next: Option<Input>,
    /// Media time of the beginning of this round.
    round_ns: i64,
    position_ns: i64,
    round: Round,
}

/// Where a round began and how far it came, in the file's time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Round {
    base_ns: Option<i64>,
    audio: Option<(i64, i64)>,
    video: Option<(i64, i64)>,
}

impl Round {
    /// How much later the next round begins: by its sound, so that this has no seam.
    fn length_ns(&self) -> i64 {
        let (start, end) = self.audio.or(self.video).unwrap_or((0, 0));
        end - start
    }

    fn heard(track: &mut Option<(i64, i64)>, time_ns: i64, lasts_ns: i64) {
        let start = track.map_or(time_ns, |(start, _)| start);
        *track = Some((start, time_ns + lasts_ns));
    }
}

impl<'a> Player<'a> {
    fn open(options: &'a Options, path: &'a Path, stop: &'a AtomicBool) -> Result<Self> {
        let mut input = Input::open(options, path)?;
        input.discover(PATIENCE)?;
        input.fill(stop, PATIENCE)?;
        let egress = Egress::open(&options.url, input.has_video(), input.has_audio())?;
        Ok(Self {
            options,
            path,
            stop,
            egress,
            stamper: Stamper::new(0, false, options.clock_ppm),
            start_ns: 0,
            input,
            next: None,
            round_ns: 0,
            position_ns: 0,
            round: Round::default(),
        })
    }

    /// Sends the next unit when it is due; `false` at the end of the file.
    fn step(&mut self) -> Result<bool> {
        self.egress.check()?;
        self.input.fill(self.stop, PATIENCE)?;
        let base_ns = match self.round.base_ns {
            Some(base) => base,
            None => match self.input.first_ns() {
                Some(first) => *self.round.base_ns.insert(first),
                None => return Ok(false),
            },
        };
        let Some((unit, is_video)) = self.input.pop() else {
            return Ok(false);
        };
        let at_ns = self.round_ns + unit.order_ns() - base_ns;
        self.wait_for(at_ns);
        if is_video {
            self.send_video(unit, base_ns)?
        } else {
            self.send_audio(unit, base_ns)?
        }
        if self.next.is_none() && self.input.remaining_ns().is_some_and(|left| left < AHEAD_NS) {
            self.next = Some(self.reopen()?);
        }
        Ok(true)
    }

    fn wait_for(&mut self, at_ns: i64) {
        self.position_ns = self.position_ns.max(at_ns);
        let due_ns = self.start_ns + pace::lasts(at_ns.max(0) as u64, self.options.clock_ppm);
        let wait = due_ns.saturating_sub(element::now_ns());
        if wait > 0 && !self.stop.load(Ordering::Acquire) {
            // A pause in the file must not hold up the end: the longest one that is waited for in one piece.
            std::thread::sleep(Duration::from_nanos(wait.min(500_000_000)));
        }
    }

    fn send_video(&mut self, unit: Unit, base_ns: i64) -> Result<()> {
        let dts = unit.dts_ns.unwrap_or(unit.pts_ns);
        if let (Some((first, _)), Some((start, end))) = (self.round.video, self.round.audio)
            && self.input.audio_ended()
            && dts - first >= end - start
        {
            // Pictures beyond the end of the sound would overlap with the next round.
            return Ok(());
        }
        Round::heard(&mut self.round.video, dts, unit.lasts_ns);
        let Some(track) = &self.egress.video else { return Ok(()) };
        let media = self.round_ns + unit.pts_ns - base_ns;
        let stamped = self.stamper.stamp(&unit.bytes, unit.length_size, media.max(0) as u64)?;
        let at = |time: i64| (ORIGIN_NS as i64 + self.round_ns + time - base_ns).max(0) as u64;
        track
            .push(unit.caps.as_deref(), stamped, at(unit.pts_ns), Some(at(dts)), unit.key)
            .map_err(|error| flow(&self.egress, error))
    }

    fn send_audio(&mut self, unit: Unit, base_ns: i64) -> Result<()> {
        Round::heard(&mut self.round.audio, unit.pts_ns, unit.lasts_ns);
        let Some(track) = &self.egress.audio else { return Ok(()) };
        let at = (ORIGIN_NS as i64 + self.round_ns + unit.pts_ns - base_ns).max(0) as u64;
        track
            .push(unit.caps.as_deref(), unit.bytes, at, None, true)
            .map_err(|error| flow(&self.egress, error))
    }

    fn reopen(&self) -> Result<Input> {
        let mut input = Input::open(self.options, self.path)?;
        input.expect(self.input.has_video(), self.input.has_audio());
        Ok(input)
    }

    fn next_round(&mut self) -> Result<()> {
        let length = self.round.length_ns();
        ensure!(length > 0, "the file holds nothing to publish");
        self.round_ns += length;
        self.round = Round::default();
        self.input = match self.next.take() {
            Some(next) => next,
            None => self.reopen()?,
        };
        self.input
            .fill(self.stop, PATIENCE)
            .context("cannot read the file again")
    }
}

fn flow(egress: &Egress, error: gst::FlowError) -> anyhow::Error {
    egress
        .check()
        .err()
        .unwrap_or_else(|| anyhow::anyhow!("the connection takes nothing more: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_is_as_long_as_its_sound() {
        let mut round = Round::default();
        assert_eq!(round.length_ns(), 0);
        Round::heard(&mut round.video, 0, 33);
        Round::heard(&mut round.video, 900, 33);
        assert_eq!(round.length_ns(), 933);
        Round::heard(&mut round.audio, 20, 21);
        Round::heard(&mut round.audio, 920, 21);
        assert_eq!(round.length_ns(), 921);
    }
}
