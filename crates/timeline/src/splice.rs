//! One rising media timeline out of source time stamps that jump, run backwards or start anew.

use crate::{Clock, Pts, Span};

/// A stamp that lies further than this from where the clock expects it belongs to another run.
const JUMP: Span = Span::from_secs(2);
/// A unit that follows the one before it within this time follows it on the timeline too: a jump of the stamps alone
/// costs viewers nothing.
const CONTINUOUS: Span = Span::from_ms(250);
/// The step to the next unit, where the track has not shown its own yet.
const DEFAULT_STEP: Span = Span::from_ms(20);
/// The greatest step that a track is believed to have between two units.
const MAX_STEP: Span = Span::from_ms(200);

/// The kinds of track that share a timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Track {
    /// Access units, by decoding time.
    Video,
    /// Blocks of sound.
    Audio,
}

/// Where a unit lies on the session's media timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spliced {
    /// Its time.
    pub at: Pts,
    /// Media time minus the source's stamp.
    pub shift: Span,
    /// A new run began with it.
    pub is_new_run: bool,
}

/// Maps source stamps to media time: `media = stamp + shift`, with a new shift for each run.
///
/// Both tracks of a run share its shift, so that their distance stays what the source meant. Around a jump the two
/// tracks change over at different moments: a unit is mapped by whichever of the last two shifts brings it near the
/// time at which it is expected.
#[derive(Debug)]
pub struct Splice {
    current: Span,
    previous: Option<Span>,
    tracks: [Last; 2],
    jumps: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Last {
    at: Option<Pts>,
    arrival: Clock,
    step: Option<Span>,
    is_before_reconnect: bool,
}

impl Splice {
    /// A timeline whose first run has this shift.
    pub fn new(shift: Span) -> Self {
        Self {
            current: shift,
            previous: None,
            tracks: [Last::default(); 2],
            jumps: 0,
        }
    }

    /// Maps a unit that arrived at `now`, where `expected` is the media time of what would arrive now by the fastest
    /// path (unknown at the start).
    pub fn map(&mut self, track: Track, stamp: Pts, now: Clock, expected: Option<Pts>) -> Spliced {
        let last = self.tracks[track as usize];
        let fits = |shift: &Span| {
            let at = stamp + *shift;
            // Stamps that go on where they were are the same run, however late the network brings them.
            let follows = !last.is_before_reconnect && last.at.is_some_and(|l| at > l && at - l <= JUMP);
            let is_near = expected.is_none_or(|e| (at - e).abs() <= JUMP);
            follows || is_near && last.at.is_none_or(|l| at > l || l - at < MAX_STEP)
        };
        let known = [Some(self.current), self.previous].into_iter().flatten().find(fits);
        let is_new_run = known.is_none();
        let shift = known.unwrap_or_else(|| self.begin_run(last, stamp, now, expected));
        let at = stamp + shift;
        let slot = &mut self.tracks[track as usize];
        if let Some(l) = slot.at
            && !is_new_run
            && at > l
            && at - l <= MAX_STEP
        {
            slot.step = Some(at - l);
        }
        slot.at = Some(at);
        slot.arrival = now;
        slot.is_before_reconnect = false;
        Spliced { at, shift, is_new_run }
    }

    fn begin_run(&mut self, last: Last, stamp: Pts, now: Clock, expected: Option<Pts>) -> Span {
        let at = match (last.at, expected) {
            (Some(l), _) if now - last.arrival < CONTINUOUS => l + last.step.unwrap_or(DEFAULT_STEP),
            (_, Some(e)) => self.newest().map_or(e, |n| e.max(n + Span::from_ms(1))),
            (Some(l), None) => l + last.step.unwrap_or(DEFAULT_STEP),
            // Without a unit of this track and without a clock every stamp fits: there is nothing to jump from.
            (None, None) => stamp + self.current,
        };
        self.jumps += 1;
        // Whole milliseconds: RTMP carries no more, so that a mapped stamp is as exact as the source's own.
        let shift =
            Span::from_ms((at - stamp).ns().div_euclid(1_000_000) + i64::from((at - stamp).ns() % 1_000_000 != 0));
        self.previous = Some(self.current);
        self.current = shift;
        shift
    }

    fn newest(&self) -> Option<Pts> {
        self.tracks.iter().filter_map(|t| t.at).max()
    }

    /// The source was connected anew: its stamps say nothing about the ones before.
    pub fn reconnected(&mut self) {
        self.previous = None;
        self.tracks.iter_mut().for_each(|t| t.is_before_reconnect = true);
    }

    /// How many runs began after the first.
    pub fn jumps(&self) -> u64 {
        self.jumps
    }

    /// Media time minus the source's stamp, in the latest run.
    pub fn shift(&self) -> Span {
        self.current
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn clock(ms: i64) -> Clock {
        Clock::from_ns(ms * 1_000_000)
    }

    /// Feeds 20 s of 30 fps video and 48 kHz AAC whose stamps are changed by `jump` ms from 10 s on; sound changes
    /// over `lag` units later than the picture. Returns the mapped times.
    fn play(start: i64, jump: i64, lag: i64) -> (Vec<i64>, Vec<i64>, u64) {
        let mut splice = Splice::new(Span::from_ms(-start));
        let (mut video, mut audio) = (Vec::new(), Vec::new());
        let mut events: Vec<(i64, Track)> = (0..600).map(|i| (i * 100 / 3, Track::Video)).collect();
        events.extend((0..938).map(|i| (i * 64 / 3 + 3, Track::Audio)));
        events.sort_by_key(|e| e.0);
        for (at, track) in events {
            let after = if track == Track::Audio { 10_000 + lag } else { 10_000 };
            let stamp = Pts::from_ms(start + at + if at >= after { jump } else { 0 });
            let expected = (at > 0).then(|| Pts::from_ms(at));
            let spliced = splice.map(track, stamp, clock(at), expected);
            match track {
                Track::Video => video.push(spliced.at.ms()),
                Track::Audio => audio.push(spliced.at.ms()),
            }
        }
        (video, audio, splice.jumps())
    }

    #[test]
    fn without_a_jump_the_shift_is_constant() {
        let (video, audio, jumps) = play(3_600_000_000, 0, 0);
        assert_eq!(jumps, 0);
        assert_eq!((video[0], video[599]), (0, 19_966));
        assert_eq!((audio[0], audio[937]), (3, 19_992));
    }

    proptest! {
        /// Stamps may jump by any amount, and the tracks at different moments: media time goes on in its steps, and
        /// picture and sound keep their distance.
        #[test]
        fn a_jump_is_not_seen(jump in prop_oneof![-100_000_i64..-5_000, 5_000_i64..1_000_000_000], lag in 0_i64..300) {
            let (video, audio, jumps) = play(1_000, jump, lag);
            prop_assert_eq!(jumps, 1);
            prop_assert!(video.windows(2).all(|w| w[1] > w[0] && w[1] - w[0] <= 35));
            prop_assert!(audio.windows(2).all(|w| w[1] > w[0] && w[1] - w[0] <= 23));
            prop_assert!((video[599] - 19_966).abs() <= 1);
            prop_assert!((audio[937] - 19_992).abs() <= 1);
        }
    }

    #[test]
    fn a_stall_of_the_network_is_no_jump() {
        let mut splice = Splice::new(Span::ZERO);
        splice.map(Track::Video, Pts::from_ms(0), clock(0), None);
        for frame in 1..60 {
            // Everything after 300 ms comes in one burst, three seconds late.
            let at = frame * 1000 / 30;
            let now = if at > 300 { at.max(3_300) } else { at };
            let spliced = splice.map(Track::Video, Pts::from_ms(at), clock(now), Some(Pts::from_ms(now)));
            assert_eq!((spliced.at.ms(), spliced.is_new_run), (at, false));
        }
    }

    #[test]
    fn a_publisher_that_comes_back_goes_on_where_the_clock_is() {
        let mut splice = Splice::new(Span::from_ms(-500));
        splice.map(Track::Video, Pts::from_ms(500), clock(0), None);
        splice.map(Track::Video, Pts::from_ms(533), clock(33), Some(Pts::from_ms(33)));
        splice.reconnected();
        let back = splice.map(Track::Video, Pts::from_ms(0), clock(7_033), Some(Pts::from_ms(7_033)));
        assert!(back.is_new_run);
        assert_eq!(back.at.ms(), 7_033);
        let sound = splice.map(Track::Audio, Pts::from_ms(5), clock(7_040), Some(Pts::from_ms(7_040)));
        assert_eq!((sound.at.ms(), sound.is_new_run), (7_038, false));
    }
}
