//! What leaves when: the pure heart of a worker.
//!
//! Units come in with the source's stamps and leave, in order, on the session's media timeline once their release has
//! come (R1). The session begins with the first keyframe (or, without a picture, with the first sound) at media time
//! zero; [`LEAD`] of silence goes before it, so that the programme's path exists before its first picture.
//!
//! No clock and no I/O: `now` is an argument, so that every rule can be tested to the nanosecond.

mod unit;

use std::collections::VecDeque;

use bytes::Bytes;
use dragoman_timeline::{Clock, DelayLine, Offset, Pts, SampleClock, SampleLine, Span, Splice, Track};

pub(crate) use self::unit::{BLOCK, Counts, Frame, Leaving, Picture, RATE, Sound};
use crate::spec::{Resume, Tracks};

/// Silence before the first picture. MediaMTX shows a path after 2 s of media time; the rest lets readers attach.
pub(crate) const LEAD: Span = Span::from_ms(2_500);
/// Programme time of media time zero: the lead, and room for the encoder's priming before it.
pub(crate) const ORIGIN: Span = Span::from_ms(2_600);
/// A source that does not list its tracks gets this long to show both.
const PROBE: Span = Span::from_secs(2);
/// Sound that is this far behind the picture is given up.
const BEHIND_PICTURE: Span = Span::from_ms(500);
/// Sound that did not come at all for this long is given up.
const NO_SOUND: Span = Span::from_secs(1);
/// A keyframe that has not come by then is not waited for: longer than any usual GOP.
const KEY_WAIT: Span = Span::from_secs(15);
/// A replacement worker takes stamps that lie further than this from the clock for another publisher's.
const SAME_RUN: Span = Span::from_secs(30);
/// What one session may hold in waiting pictures: 12 s at 40 Mbit/s. The oldest go first.
const MAX_VIDEO_BYTES: usize = 60 << 20;
/// Units that wait for the session's begin: 10 s of picture and sound. The oldest go first.
const MAX_PENDING: usize = 1_024;

/// What a playhead needs to know of its session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Config {
    pub(crate) hold: Span,
    pub(crate) grace: Span,
    /// The tracks, where the router lists them.
    pub(crate) tracks: Option<Tracks>,
    pub(crate) resume: Option<Resume>,
    /// When the worker started.
    pub(crate) started: Clock,
}

/// See the module.
pub(crate) struct Playhead {
    config: Config,
    offset: Offset,
    splice: Option<Splice>,
    /// Media time of the first unit.
    first: Pts,
    pending: VecDeque<Pending>,
    first_arrival: Option<Clock>,
    seen: Tracks,
    video: DelayLine<Picture>,
    sound: SampleLine<Frame>,
    sound_clock: SampleClock,
    last_sound: Option<Clock>,
    last_picture: Option<Pts>,
    needs_key: bool,
    /// Pictures come, but none that a decoder could start at.
    no_key_since: Option<Clock>,
    /// Decoder configuration that waits for the next picture that is kept.
    header: Option<Bytes>,
    is_lost: bool,
    counts: Counts,
}

enum Pending {
    Picture(Picture),
    Sound(Sound),
}

impl Playhead {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            offset: Offset::new(config.hold),
            splice: None,
            first: Pts::ZERO,
            pending: VecDeque::new(),
            first_arrival: None,
            seen: Tracks {
                video: false,
                audio: false,
            },
            video: DelayLine::new(config.hold + config.grace + Span::from_secs(10), MAX_VIDEO_BYTES),
            sound: SampleLine::new(0, 0),
            sound_clock: SampleClock::new(RATE),
            last_sound: None,
            last_picture: None,
            needs_key: true,
            no_key_since: None,
            header: None,
            is_lost: false,
            counts: Counts::default(),
            config,
        }
    }

    /// An access unit has come. Before the session has begun, and after the source was away, it waits for a keyframe.
    pub(crate) fn picture(&mut self, mut picture: Picture) {
        self.seen.video = true;
        self.counts.video_units += 1;
        self.is_lost = false;
        if self.splice.is_none() {
            self.wait(picture.arrival, Pending::Picture(picture));
            return;
        }
        if picture.header.is_some() {
            self.header = picture.header.take();
        }
        if self.needs_key && !picture.is_key {
            // With intra refresh no keyframe comes, and any place is as good to start.
            let since = *self.no_key_since.get_or_insert(picture.arrival);
            picture.is_key = picture.arrival - since >= KEY_WAIT;
            if !picture.is_key {
                self.counts.dropped_units += 1;
                return;
            }
        }
        self.no_key_since = None;
        picture.header = self.header.take();
        let Some(at) = self.map(Track::Video, picture.dts, picture.arrival) else {
            return;
        };
        // Decoders and routers want stamps that rise.
        let last = self.video.last().map_or(self.last_picture, |p| Some(p.dts));
        picture.dts = last.map_or(at, |l| at.max(l + Span::from_ms(1)));
        self.offset.arrived(picture.dts, picture.arrival);
        self.needs_key = false;
        let mut dropped = self.video.push(picture);
        // What refers to a dropped picture is of no use either.
        while dropped > 0 && self.video.first().is_some_and(|p| !p.is_key) {
            self.video.pop();
            dropped += 1;
        }
        self.counts.dropped_units += dropped as u64;
    }

    /// Sound has come. Gives back where it lies, for the speech service; `None` before the session has begun, for
    /// [`Playhead::begin`] gives it back then.
    pub(crate) fn sound(&mut self, sound: Sound) -> Option<(i64, Vec<Frame>)> {
        self.seen.audio = true;
        self.counts.audio_samples += sound.frames.len() as u64;
        self.is_lost = false;
        if self.splice.is_none() {
            self.wait(sound.arrival, Pending::Sound(sound));
            return None;
        }
        self.place(sound)
    }

    fn place(&mut self, sound: Sound) -> Option<(i64, Vec<Frame>)> {
        let at = self.map(Track::Audio, sound.pts, sound.arrival)?;
        self.offset.arrived(at, sound.arrival);
        self.last_sound = Some(sound.arrival);
        let placed = self.sound_clock.place(at, sound.frames.len());
        self.sound.write(placed.at, &sound.frames);
        Some((placed.at, sound.frames))
    }

    fn map(&mut self, track: Track, stamp: Pts, arrival: Clock) -> Option<Pts> {
        let expected = self.offset.media_at(arrival);
        let spliced = self.splice.as_mut()?.map(track, stamp, arrival, expected);
        Some(spliced.at)
    }

    fn wait(&mut self, arrival: Clock, unit: Pending) {
        self.first_arrival.get_or_insert(arrival);
        if self.pending.len() == MAX_PENDING {
            self.pending.pop_front();
            self.counts.dropped_units += 1;
        }
        self.pending.push_back(unit);
    }

    /// Begins the session when what it needs has come; gives back the sound that had waited, for the speech service.
    pub(crate) fn begin(&mut self, now: Clock) -> Option<Vec<(i64, Vec<Frame>)>> {
        if self.splice.is_some() {
            return None;
        }
        let first_arrival = self.first_arrival?;
        let is_over = now - first_arrival >= PROBE;
        let tracks = match self.config.tracks {
            Some(tracks) if tracks.video || tracks.audio => tracks,
            _ if (self.seen.video && self.seen.audio) || is_over => self.seen,
            _ => return None,
        };
        // Sound comes behind the first picture, so that sound alone means that none comes.
        let patience = if self.seen.video { KEY_WAIT } else { PROBE };
        let patience_is_over = now - first_arrival >= patience;
        let tracks = if patience_is_over { self.seen } else { tracks };
        let first = self.pending.iter().position(|unit| match unit {
            Pending::Picture(p) => p.is_key || patience_is_over,
            Pending::Sound(_) => !tracks.video,
        })?;
        if let Some(Pending::Picture(picture)) = self.pending.get_mut(first) {
            picture.is_key = true;
        }
        let stamp = match &self.pending[first] {
            Pending::Picture(p) => p.dts,
            Pending::Sound(s) => s.pts,
        };
        self.start_at(stamp, now, tracks);
        let mut heard = Vec::new();
        for (number, unit) in std::mem::take(&mut self.pending).into_iter().enumerate() {
            match unit {
                Pending::Picture(p) if number >= first => {
                    self.counts.video_units -= 1;
                    self.picture(p);
                }
                Pending::Picture(p) => {
                    self.header = p.header.or(self.header.take());
                    self.counts.dropped_units += 1;
                }
                Pending::Sound(s) => heard.extend(self.place(s)),
            }
        }
        Some(heard)
    }

    /// Puts the stamp of the first unit at media time zero, or where a lost worker's programme goes on.
    fn start_at(&mut self, stamp: Pts, now: Clock, tracks: Tracks) {
        let floor = self.config.resume.map(|r| Pts::from_ns(r.out_ns) - ORIGIN);
        let first = self.config.resume.map_or(Pts::ZERO, |r| self.resumed_at(r, stamp, now));
        self.splice = Some(Splice::new(first - stamp));
        self.first = first;
        self.needs_key = tracks.video;
        self.last_sound = Some(now);
        let begin = floor.map_or(first - LEAD, |f| (first - LEAD).max(f));
        let capacity = (self.config.hold + self.config.grace + LEAD + Span::from_secs(10)).samples(RATE);
        self.sound = SampleLine::new(begin.samples(RATE), usize::try_from(capacity).unwrap_or(0));
        self.seen = Tracks {
            video: self.seen.video || tracks.video,
            audio: self.seen.audio || tracks.audio,
        };
    }

    /// Where a lost worker's programme goes on: with its shift, if the stamps are still the same run's.
    fn resumed_at(&self, resume: Resume, stamp: Pts, now: Clock) -> Pts {
        let floor = Pts::from_ns(resume.out_ns) - ORIGIN;
        let away = Span::from_ns(resume.age_ns) + (now - self.config.started);
        // What arrives now leaves after the hold; the lost worker's last unit had come that long before it left.
        let by_clock = floor + away + self.config.hold;
        let same_run = stamp + Span::from_ns(resume.shift_ns) - ORIGIN;
        if same_run > floor && (same_run - by_clock).abs() < SAME_RUN {
            same_run
        } else {
            Pts::from_ms(by_clock.ms())
        }
    }

    /// The source is away: what waits is played out, then silence, until it is back.
    pub(crate) fn lost(&mut self) {
        self.is_lost = true;
        self.needs_key = self.seen.video;
        match &mut self.splice {
            Some(splice) => splice.reconnected(),
            // The next connection's stamps may have nothing to do with these.
            None => {
                self.counts.dropped_units += self.pending.len() as u64;
                self.pending.clear();
                self.header = None;
                self.first_arrival = None;
            }
        }
    }

    /// The next thing whose time has come. Sound is read into `bed`, [`BLOCK`] frames.
    pub(crate) fn next(&mut self, now: Clock, bed: &mut [Frame; BLOCK]) -> Option<Leaving> {
        let sound_at = self.sound_release().filter(|at| *at <= now && self.is_sound_ready(now));
        let video_at = self.video_release().filter(|at| *at <= now);
        match (video_at, sound_at) {
            (Some(v), Some(s)) if v < s => self.take_picture(),
            (_, Some(_)) => {
                let at = self.sound.start();
                let read = self.sound.read(bed);
                if self.seen.audio {
                    self.counts.silence_samples += if at >= 0 { read.missing as u64 } else { 0 };
                }
                Some(Leaving::Sound {
                    at,
                    missing: read.missing,
                })
            }
            (Some(_), None) => self.take_picture(),
            (None, None) => None,
        }
    }

    fn take_picture(&mut self) -> Option<Leaving> {
        let picture = self.video.pop()?;
        self.last_picture = Some(picture.dts);
        Some(Leaving::Picture(picture))
    }

    fn video_release(&self) -> Option<Clock> {
        self.offset.release(self.video.first()?.dts)
    }

    fn sound_release(&self) -> Option<Clock> {
        self.splice.as_ref()?;
        self.offset.release(Pts::from_samples(self.sound.start(), RATE))
    }

    fn is_sound_ready(&self, now: Clock) -> bool {
        let at = Pts::from_samples(self.sound.start(), RATE);
        self.sound.awaited(BLOCK) == 0
            || !self.seen.audio
            || self.is_lost
            || at + Span::from_samples(BLOCK as i64, RATE) <= self.first
            || self.last_sound.is_none_or(|l| now - l >= NO_SOUND)
            || self.last_picture.is_some_and(|p| p - at >= BEHIND_PICTURE)
    }

    /// When [`Playhead::next`] or [`Playhead::begin`] should be asked again if nothing comes before.
    pub(crate) fn wake(&self, now: Clock) -> Option<Clock> {
        if self.splice.is_none() {
            let first = self.first_arrival?;
            return [first + PROBE, first + KEY_WAIT].into_iter().find(|at| *at > now);
        }
        let sound = self
            .sound_release()
            .and_then(|release| match self.is_sound_ready(now.max(release)) {
                true => Some(release),
                false => self.last_sound.map(|l| (l + NO_SOUND).max(release)),
            });
        match (self.video_release(), sound) {
            (Some(v), Some(s)) => Some(v.min(s)),
            (v, s) => v.or(s),
        }
    }

    /// Everything that had come has left.
    pub(crate) fn is_played_out(&self) -> bool {
        self.video.is_empty() && self.sound.start() >= self.sound.end()
    }

    /// Number of the frame that would have come by now, with some time for a source that is only late.
    pub(crate) fn live_edge(&self, now: Clock) -> Option<i64> {
        Some((self.offset.media_at(now)? - Span::from_ms(200)).samples(RATE))
    }

    /// The decoder configuration of the first picture, which has to be announced before the lead.
    pub(crate) fn first_header(&self) -> Option<&Bytes> {
        self.video
            .first()
            .and_then(|p| p.header.as_ref())
            .or(self.header.as_ref())
    }

    /// Number of the next frame of sound.
    pub(crate) fn sound_at(&self) -> i64 {
        self.sound.start()
    }

    /// The session has begun.
    pub(crate) fn has_begun(&self) -> bool {
        self.splice.is_some()
    }

    /// A picture has come that a viewer can start with.
    pub(crate) fn has_picture(&self) -> bool {
        self.last_picture.is_some() || !self.video.is_empty()
    }

    /// The tracks that have been seen or are listed.
    pub(crate) fn tracks(&self) -> Tracks {
        self.seen
    }

    /// Programme time minus the source's stamp.
    pub(crate) fn shift(&self) -> Option<Span> {
        self.splice.as_ref().map(|s| s.shift() + ORIGIN)
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    pub(crate) fn reanchored(&self) -> u64 {
        self.offset.reanchored()
    }

    pub(crate) fn discontinuities(&self) -> u64 {
        self.splice.as_ref().map_or(0, Splice::jumps)
    }
}

#[cfg(test)]
mod tests;
