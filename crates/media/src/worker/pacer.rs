//! The thread that lets things go: one queue in, one clock, one owner of the timeline and the playouts.
//!
//! Nothing here waits for the network: egress and speech client have bounded queues of their own.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use dragoman_audio::playout::{End, Key};
use dragoman_timeline::{Clock, Pts, Span};
use tokio::task::JoinHandle;
use tracing::info;

use super::artifacts::Transcript;
use super::clock;
use super::egress::Description;
use super::feed::Feed;
use super::playhead::{BLOCK, Frame, Leaving, ORIGIN, Picture, Playhead, RATE, Sound};
use super::programme::{Programme, ProgrammeReport};
use crate::spec::Tracks;

/// What may wait for the pacer: about 8 s of units, or a burst of dub. Streaming threads drop what does not fit.
pub(crate) const QUEUE: usize = 1_024;
/// The longest time without a look at the clock, and the age of what the API shows.
const REPORT_EVERY: Span = Span::from_ms(200);

/// Everything that can happen to a pacer.
pub(crate) enum Input {
    /// An access unit has come.
    Picture(Picture),
    /// Sound has come.
    Sound(Sound),
    /// The picture's width and height, at the start and when they change.
    VideoSize((u32, u32)),
    /// The source's sound, in words.
    AudioFormat(String),
    /// The source is away.
    SourceLost,
    /// The speech service has said something.
    Dub(DubInput),
    /// The operator's bypass.
    Mute {
        /// Target language.
        target: String,
        /// Original at full level.
        on: bool,
    },
    /// Play out what has come, then end.
    Drain,
}

/// What the speech client passes on; targets by their index in the spec.
#[derive(Debug)]
pub(crate) enum DubInput {
    /// A connection is ready.
    Ready { connection: u32, dub_rate: u32 },
    /// A connection and its session are gone for good.
    Lost { connection: u32 },
    /// An utterance was cut, or its text became known.
    Utterance {
        key: Key,
        start: Pts,
        end: Pts,
        /// It was cut in mid-speech.
        goes_on: bool,
        text: String,
    },
    /// A dub begins, or its text became known.
    Dub {
        key: Key,
        target: usize,
        text: String,
        estimate: Span,
    },
    /// Sound of a dub.
    Pcm {
        key: Key,
        target: usize,
        offset: u64,
        pcm: Vec<i16>,
    },
    /// A dub has ended.
    End { key: Key, target: usize, end: End },
}

/// What the pacer shows of itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    pub(crate) has_begun: bool,
    /// A picture has left.
    pub(crate) has_picture: bool,
    pub(crate) is_lost: bool,
    pub(crate) is_draining: bool,
    pub(crate) shift: Span,
    pub(crate) out: Pts,
    pub(crate) playhead: Pts,
    pub(crate) video: Option<(u32, u32)>,
    pub(crate) audio: Option<String>,
    pub(crate) video_units: u64,
    pub(crate) audio_samples: u64,
    pub(crate) dropped_units: u64,
    pub(crate) silence_samples: u64,
    pub(crate) reanchored: u64,
    pub(crate) discontinuities: u64,
    /// Sound that the speech client did not take from the feed.
    pub(crate) unheard_samples: u64,
    pub(crate) tracks: Option<Tracks>,
    pub(crate) programmes: Vec<ProgrammeReport>,
}

/// See the module.
pub(crate) struct Pacer {
    playhead: Playhead,
    programmes: Vec<Programme>,
    feed: Feed,
    transcript: Transcript,
    report: Arc<Mutex<Report>>,
    state: State,
}

/// What changes while it runs.
#[derive(Default)]
struct State {
    size: Option<(u32, u32)>,
    audio: Option<String>,
    is_lost: bool,
    is_draining: bool,
    out: Pts,
    playhead: Pts,
    reported: Clock,
}

impl Pacer {
    pub(crate) fn new(
        playhead: Playhead,
        programmes: Vec<Programme>,
        feed: Feed,
        transcript: Transcript,
        report: Arc<Mutex<Report>>,
    ) -> Self {
        Self {
            playhead,
            programmes,
            feed,
            transcript,
            report,
            state: State::default(),
        }
    }

    /// Runs, on a thread with a runtime, until the session is played out or every sender is gone; gives back the
    /// tasks that send the rest of the programmes. An error is a fault of ours.
    pub(crate) fn run(mut self, inputs: &Receiver<Input>) -> Result<Vec<JoinHandle<()>>> {
        let mut bed = [Frame::default(); BLOCK];
        loop {
            let now = clock::now();
            if let Some(heard) = self.playhead.begin(now) {
                self.begin(heard)?;
            }
            while let Some(leaving) = self.playhead.next(now, &mut bed) {
                self.let_go(leaving, &bed)?;
            }
            if self.state.is_lost
                && let Some(edge) = self.playhead.live_edge(now)
            {
                self.feed.silence_to(edge);
            }
            for programme in &mut self.programmes {
                programme.settle(&self.feed, &mut self.transcript);
            }
            let is_over = self.state.is_draining && self.playhead.is_played_out();
            if is_over || now - self.state.reported >= REPORT_EVERY {
                self.report(now);
            }
            if is_over {
                break;
            }
            if !self.wait(now, inputs) {
                break;
            }
        }
        for programme in &mut self.programmes {
            programme.finish(&self.feed, &mut self.transcript);
        }
        self.transcript.finish();
        self.report(clock::now());
        Ok(self.programmes.into_iter().filter_map(Programme::into_task).collect())
    }

    /// Takes what has come, or waits for it until the next release; false when nothing can come any more.
    fn wait(&mut self, now: Clock, inputs: &Receiver<Input>) -> bool {
        let wake = self
            .playhead
            .wake(now)
            .map_or(REPORT_EVERY, |at| (at - now).min(REPORT_EVERY));
        let wake = Duration::from_nanos(u64::try_from(wake.ns()).unwrap_or(0));
        match inputs.recv_timeout(wake) {
            Ok(input) => self.take(input),
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
        }
        // A burst is taken in one go, but not one without end: releases come first.
        for _ in 0..QUEUE {
            match inputs.try_recv() {
                Ok(input) => self.take(input),
                Err(_) => break,
            }
        }
        true
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Picture(_) | Input::Sound(_) if self.state.is_draining => {}
            Input::Picture(picture) => {
                self.state.is_lost = false;
                self.playhead.picture(picture);
            }
            Input::Sound(sound) => {
                self.state.is_lost = false;
                if let Some((at, frames)) = self.playhead.sound(sound) {
                    self.hear(at, &frames);
                }
            }
            Input::VideoSize(size) => self.state.size = Some(size),
            Input::AudioFormat(format) => self.state.audio = Some(format),
            Input::SourceLost => {
                self.state.is_lost = true;
                self.playhead.lost();
            }
            Input::Dub(dub) => self.dub(dub),
            Input::Mute { target, on } => {
                for programme in self.programmes.iter_mut().filter(|p| p.target() == target) {
                    programme.mute(on);
                }
            }
            Input::Drain => {
                self.state.is_draining = true;
                self.playhead.lost();
                self.feed.end(self.playhead.sound_at());
            }
        }
    }

    fn dub(&mut self, input: DubInput) {
        match input {
            DubInput::Ready { connection, dub_rate } => {
                self.programmes
                    .iter_mut()
                    .for_each(|p| p.connected(connection, dub_rate));
            }
            DubInput::Lost { connection } => self.programmes.iter_mut().for_each(|p| p.lost(connection)),
            DubInput::Utterance {
                key,
                start,
                end,
                goes_on,
                text,
            } => {
                self.transcript.utterance(key, (start, end), &text);
                self.programmes
                    .iter_mut()
                    .for_each(|p| p.utterance(key, (start, end), goes_on, &text));
            }
            DubInput::Dub {
                key,
                target,
                text,
                estimate,
            } => {
                self.transcript.dub(key, target, &text);
                if let Some(programme) = self.programmes.get_mut(target) {
                    programme.dub(key, text, estimate);
                }
            }
            DubInput::Pcm {
                key,
                target,
                offset,
                pcm,
            } => {
                if let Some(programme) = self.programmes.get_mut(target) {
                    programme.pcm(key, offset, &pcm);
                }
            }
            DubInput::End { key, target, end } => {
                if let Some(programme) = self.programmes.get_mut(target) {
                    programme.end(key, end);
                }
            }
        }
    }

    /// The session begins: the programmes go on air with their tracks announced and the lead before the picture.
    fn begin(&mut self, heard: Vec<(i64, Vec<Frame>)>) -> Result<()> {
        let tracks = self.playhead.tracks();
        info!(video = tracks.video, audio = tracks.audio, "session begins");
        let description = Description {
            size: self.state.size,
            has_video: tracks.video,
        };
        let header = self.playhead.first_header().cloned();
        let first = self.playhead.sound_at();
        for programme in &mut self.programmes {
            programme.begin(&description, header.as_ref(), first)?;
        }
        for (at, frames) in heard {
            self.hear(at, &frames);
        }
        Ok(())
    }

    /// Sound of the source, as early as it is known: for the speech service and for the loudness of the original.
    fn hear(&mut self, at: i64, frames: &[Frame]) {
        self.feed.sound(at, frames);
        for programme in &mut self.programmes {
            programme.original(Pts::from_samples(at, RATE), frames.as_flattened());
        }
    }

    fn let_go(&mut self, leaving: Leaving, bed: &[Frame; BLOCK]) -> Result<()> {
        match leaving {
            Leaving::Picture(picture) => {
                self.state.out = self.state.out.max(picture.dts + ORIGIN);
                self.programmes.iter_mut().for_each(|p| p.picture(&picture));
            }
            Leaving::Sound { at, .. } => {
                let end = Pts::from_samples(at + BLOCK as i64, RATE);
                self.state.out = self.state.out.max(end + ORIGIN);
                self.state.playhead = end;
                for programme in &mut self.programmes {
                    programme.sound(at, bed)?;
                }
            }
        }
        Ok(())
    }

    fn report(&mut self, now: Clock) {
        self.state.reported = now;
        let counts = self.playhead.counts();
        let report = Report {
            has_begun: self.playhead.has_begun(),
            has_picture: self.playhead.has_picture(),
            is_lost: self.state.is_lost,
            is_draining: self.state.is_draining,
            shift: self.playhead.shift().unwrap_or_default(),
            out: self.state.out,
            playhead: self.state.playhead,
            video: self.state.size,
            audio: self.state.audio.clone(),
            video_units: counts.video_units,
            audio_samples: counts.audio_samples,
            dropped_units: counts.dropped_units,
            silence_samples: counts.silence_samples,
            reanchored: self.playhead.reanchored(),
            discontinuities: self.playhead.discontinuities(),
            unheard_samples: self.feed.dropped_samples(),
            tracks: self.playhead.has_begun().then(|| self.playhead.tracks()),
            programmes: self.programmes.iter().map(Programme::report).collect(),
        };
        *self.report.lock().unwrap_or_else(PoisonError::into_inner) = report;
    }
}
