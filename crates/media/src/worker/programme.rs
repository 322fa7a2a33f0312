//! One target's programme: playout, encoder and egress in a row, and the account of what became of its dubs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use anyhow::Result;
use bytes::Bytes;
use dragoman_audio::playout::{self, End, Event, Heard, Key, Playout};
use dragoman_timeline::{Pts, Span};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::artifacts::Transcript;
use super::egress::{self, Description, Egress, Tag};
use super::encoder::{Encoder, programme_ms};
use super::feed::Feed;
use super::latency::Latency;
use super::playhead::{BLOCK, Frame, Picture, RATE};
use crate::control::{DubStatus, ProgrammeStatus};
use crate::spec;

/// The lag is shown over so many dubs.
const LAG_WINDOW: usize = 100;

/// What a programme shows of itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProgrammeReport {
    pub(crate) status: ProgrammeStatus,
    /// For the speech service's flow control.
    pub(crate) playout: Option<playout::Status>,
    /// Dubs that are not complete, with the samples that are there.
    pub(crate) held: Vec<(Key, u64)>,
    pub(crate) is_taken: bool,
}

/// See the module.
pub(crate) struct Programme {
    index: usize,
    spec: spec::Programme,
    playout: Playout,
    on_air: Option<OnAir>,
    /// The decoder configuration that viewers have.
    header: Option<Bytes>,
    muted: bool,
    tally: Tally,
    block: [Frame; BLOCK],
    latency: Arc<Mutex<Latency>>,
    cancel: CancellationToken,
}

struct OnAir {
    encoder: Encoder,
    egress: Egress,
    task: JoinHandle<()>,
}

struct Tally {
    /// Highest utterance of each connection that was counted.
    newest: BTreeMap<u32, u32>,
    utterances: u64,
    outcomes: BTreeMap<String, u64>,
    heard_original: u64,
    lost: u64,
    lag: Latency,
    rate: f64,
    last_text: Option<String>,
    last_dub: Option<String>,
}

impl Programme {
    /// A programme that goes on air at [`Programme::begin`].
    pub(crate) fn new(
        index: usize,
        spec: spec::Programme,
        config: playout::Config,
        latency: Arc<Mutex<Latency>>,
        cancel: CancellationToken,
    ) -> Self {
        let mut playout = Playout::new(config);
        let muted = spec.muted;
        playout.mute(muted);
        Self {
            index,
            spec,
            playout,
            on_air: None,
            header: None,
            muted,
            tally: Tally {
                newest: BTreeMap::new(),
                utterances: 0,
                outcomes: BTreeMap::new(),
                heard_original: 0,
                lost: 0,
                lag: Latency::over(LAG_WINDOW),
                rate: 1.0,
                last_text: None,
                last_dub: None,
            },
            block: [Frame::default(); BLOCK],
            latency,
            cancel,
        }
    }

    pub(crate) fn target(&self) -> &str {
        &self.spec.target
    }

    /// Goes on air: the tracks are announced, `first` is the number of the first frame of sound.
    pub(crate) fn begin(&mut self, description: &Description, header: Option<&Bytes>, first: i64) -> Result<()> {
        let (egress, task) = Egress::start(
            self.spec.url.clone(),
            self.spec.path.clone(),
            description.clone(),
            self.latency.clone(),
            self.cancel.clone(),
        );
        if let Some(header) = header {
            egress.send(Tag::VideoHeader {
                at_ms: programme_ms(Pts::from_samples(first, RATE)),
                body: header.clone(),
            });
        }
        self.header = header.cloned();
        let encoder = Encoder::start(first, egress.clone())?;
        self.on_air = Some(OnAir { encoder, egress, task });
        Ok(())
    }

    pub(crate) fn picture(&mut self, picture: &Picture) {
        let Some(on_air) = &self.on_air else { return };
        let at_ms = programme_ms(picture.dts);
        if let Some(header) = picture.header.as_ref().filter(|h| self.header.as_ref() != Some(*h)) {
            self.header = Some(header.clone());
            on_air.egress.send(Tag::VideoHeader {
                at_ms,
                body: header.clone(),
            });
        }
        on_air.egress.send(Tag::Video {
            at_ms,
            body: picture.body.clone(),
            is_key: picture.is_key,
            arrival: picture.arrival,
        });
    }

    /// Lays the dub over the bed and encodes it.
    pub(crate) fn sound(&mut self, at: i64, bed: &[Frame; BLOCK]) -> Result<()> {
        self.block.copy_from_slice(bed);
        self.playout
            .render(Pts::from_samples(at, RATE), self.block.as_flattened_mut());
        match &mut self.on_air {
            Some(on_air) => on_air.encoder.push(at, &self.block),
            None => Ok(()),
        }
    }

    pub(crate) fn original(&mut self, at: Pts, stereo: &[f32]) {
        self.playout.original(at, stereo);
    }

    pub(crate) fn mute(&mut self, on: bool) {
        self.muted = on;
        self.playout.mute(on);
    }

    pub(crate) fn connected(&mut self, connection: u32, dub_rate: u32) {
        self.playout.set_dub_rate(connection, dub_rate);
    }

    pub(crate) fn lost(&mut self, connection: u32) {
        self.playout.lost(connection);
        self.tally.newest.remove(&connection);
    }

    pub(crate) fn utterance(&mut self, key: Key, (start, end): (Pts, Pts), goes_on: bool, text: &str) {
        if !text.is_empty() {
            self.tally.last_text = Some(text.to_owned());
        }
        let newest = self.tally.newest.entry(key.connection).or_default();
        // The same utterance comes again with its text.
        if key.utterance > *newest {
            *newest = key.utterance;
            self.tally.utterances += 1;
            self.playout.utterance(key, start, end);
            if goes_on {
                self.playout.goes_on(key);
            }
        }
    }

    pub(crate) fn dub(&mut self, key: Key, text: String, estimate: Span) {
        if !text.is_empty() {
            self.tally.last_dub = Some(text);
        }
        self.playout.estimate(key, estimate);
    }

    pub(crate) fn pcm(&mut self, key: Key, offset: u64, pcm: &[i16]) {
        self.playout.dub(key, offset, pcm);
    }

    pub(crate) fn end(&mut self, key: Key, end: End) {
        self.playout.end(key, end);
    }

    /// Takes the account of what the playout has decided.
    pub(crate) fn settle(&mut self, feed: &Feed, transcript: &mut Transcript) {
        while let Some(event) = self.playout.next_event() {
            transcript.event(self.index, &event);
            match event {
                Event::Started { lag, rate, .. } => {
                    self.tally.lag.add(lag);
                    self.tally.rate = rate;
                }
                Event::Ended { outcome, heard, .. } => {
                    *self.tally.outcomes.entry(outcome.as_str().to_owned()).or_default() += 1;
                    match heard {
                        Some(Heard::Original) => self.tally.heard_original += 1,
                        Some(Heard::Lost) => self.tally.lost += 1,
                        None => {}
                    }
                }
                Event::Cancel { key, reason } => feed.cancel(key, self.index, reason),
            }
        }
    }

    /// The session ends: what is open is counted.
    pub(crate) fn finish(&mut self, feed: &Feed, transcript: &mut Transcript) {
        self.playout.finish();
        self.settle(feed, transcript);
    }

    /// Leaves the air; the task ends when what is queued has been sent.
    pub(crate) fn into_task(self) -> Option<JoinHandle<()>> {
        self.on_air.map(|on_air| on_air.task)
    }

    pub(crate) fn report(&self) -> ProgrammeReport {
        let playout = self.playout.status();
        let egress = self.on_air.as_ref().map(|o| o.egress.report()).unwrap_or_default();
        let egress::Report {
            state,
            reason,
            video_units,
            audio_frames,
            connects,
            dropped_units,
            is_taken,
            ..
        } = egress;
        let dub = DubStatus {
            utterances: self.tally.utterances,
            outcomes: self.tally.outcomes.clone(),
            open: playout.open as u64,
            heard_original: self.tally.heard_original,
            lost: self.tally.lost,
            lag_ms: self.tally.lag.percentiles(),
            rate: self.tally.rate,
            queued_ms: ms(playout.queued),
            wait_ms: ms(playout.wait),
            last_text: self.tally.last_text.clone(),
            last_dub: self.tally.last_dub.clone(),
        };
        let status = ProgrammeStatus {
            target: self.spec.target.clone(),
            path: self.spec.path.clone(),
            state,
            reason,
            muted: self.muted,
            video_units,
            audio_frames,
            connects,
            dropped_units,
            dub,
        };
        ProgrammeReport {
            status,
            held: self.playout.held(),
            playout: Some(playout),
            is_taken,
        }
    }
}

pub(crate) fn ms(span: Span) -> u64 {
    u64::try_from(span.ns() / 1_000_000).unwrap_or(0)
}
