//! One programme beside its source.

use super::live::{LiveProgramme, tenth};
use super::stream::{Heard, Stream};
use crate::axis::Continuity;
use crate::hole::Holes;
use crate::matching::{Match, Matcher};
use crate::report::{Audio, Latency, Measures, Programme, Skew, Video};
use crate::skew::Pairing;
use crate::stamp::Unit;
use crate::tone;

/// A tone this loud is heard; what is ducked or spoken at its pitch is not.
const TONE_DB: f32 = -34.0;

pub(super) struct Dubbed {
    pub(super) language: String,
    pub(super) stream: Stream,
    matcher: Matcher,
    pairing: Pairing,
    holes: Holes,
    continuity: Continuity,
    jumps: u64,
    jumps_ahead: u64,
    pub(super) first_ns: Option<u64>,
    first_frame_ms: Option<f64>,
    added: (f64, u64),
    tone: Option<Tone>,
}

/// A pitch that is listened for.
struct Tone {
    hz: f64,
    pcm: Vec<f32>,
    loudest_db: f32,
    tenths: u64,
}

impl Dubbed {
    pub(super) fn new(language: String, hz: Option<f64>) -> Self {
        Self {
            language,
            stream: Stream::default(),
            matcher: Matcher::default(),
            pairing: Pairing::default(),
            holes: Holes::default(),
            continuity: Continuity::default(),
            jumps: 0,
            jumps_ahead: 0,
            first_ns: None,
            first_frame_ms: None,
            added: (0.0, 0),
            tone: hz.map(|hz| Tone {
                hz,
                pcm: Vec::new(),
                loudest_db: -120.0,
                tenths: 0,
            }),
        }
    }

    pub(super) fn source_unit(&mut self, unit: Unit, arrival_ns: u64) {
        let matches = self.matcher.source(unit, arrival_ns);
        self.matched(&matches, arrival_ns);
    }

    pub(super) fn unit(&mut self, unit: Unit, arrival_ns: u64) {
        if let (None, Some(stamp)) = (self.first_frame_ms, unit.stamp) {
            self.first_frame_ms = Some(arrival_ns.saturating_sub(stamp.first_ns) as f64 / 1e6);
        }
        let matches = self.matcher.programme(unit, arrival_ns);
        self.matched(&matches, arrival_ns);
    }

    fn matched(&mut self, matches: &[Match], now_ns: u64) {
        if !matches.is_empty() {
            self.first_ns.get_or_insert(now_ns);
        }
        for found in matches {
            self.added = (self.added.0 + found.added_ms, self.added.1 + 1);
        }
    }

    pub(super) fn frame(&mut self, pts_ms: f64, lasts_ms: f64) {
        let jump = self.continuity.push(pts_ms, lasts_ms);
        if self.first_ns.is_some() {
            self.jumps += u64::from(jump.is_some());
            self.jumps_ahead += u64::from(jump.is_some_and(|by| by > 0.0));
        }
    }

    pub(super) fn source_sound(&mut self, heard: &Heard) {
        heard
            .ticks
            .iter()
            .for_each(|(second, skew)| self.pairing.source(*second, *skew));
        heard
            .blocks
            .iter()
            .for_each(|(index, db)| self.holes.source(*index, *db));
    }

    pub(super) fn sound(&mut self, heard: &Heard, rate: u32, pcm: &[f32]) {
        if let Some(tone) = &mut self.tone {
            tone.hear(rate, pcm);
        }
        if self.first_ns.is_none() {
            return;
        }
        heard
            .ticks
            .iter()
            .for_each(|(second, skew)| self.pairing.programme(*second, *skew));
        heard
            .blocks
            .iter()
            .for_each(|(index, db)| self.holes.programme(*index, *db));
    }

    fn audio(&self) -> Audio {
        Audio {
            gaps: self.jumps_ahead + self.holes.gaps(),
            discontinuities: self.jumps + self.pairing.steps(),
            ticks_missing: self.pairing.missing(),
            silent_ms: self.holes.missing_ms(),
            tone_seconds: self.tone.as_ref().map(|tone| tone.tenths as f64 / 10.0),
        }
    }

    pub(super) fn second(&mut self) -> LiveProgramme {
        let (sum, count) = std::mem::take(&mut self.added);
        let audio = self.audio();
        let both = self.matcher.payload_identical().zip(self.matcher.sei_identical());
        LiveProgramme {
            language: self.language.clone(),
            stream: self.stream.second(),
            matched: self.matcher.latency().count(),
            added_latency_ms: (count > 0).then(|| (sum / count as f64 * 10.0).round() / 10.0),
            av_skew_added_ms: self.pairing.now().map(|ms| (ms * 100.0).round() / 100.0),
            lost: self.matcher.counts().lost,
            gaps: audio.gaps,
            discontinuities: audio.discontinuities,
            identical: both.map(|(payload, sei)| payload && sei),
            tone_db: self
                .tone
                .as_mut()
                .map(|tone| tenth(std::mem::replace(&mut tone.loudest_db, -120.0))),
        }
    }

    pub(super) fn report(&self, ticks: bool) -> Programme {
        let skew = Skew::of(self.pairing.added());
        let why = match (skew, ticks) {
            (Some(_), _) => None,
            (None, false) => Some("the source has no ticks".to_owned()),
            (None, true) => Some("no tick was heard in both".to_owned()),
        };
        Programme {
            language: self.language.clone(),
            first_programme_frame_ms: self.first_frame_ms,
            reconnects: self.stream.connections.saturating_sub(1),
            measures: Measures {
                video: Video::of(&self.matcher),
                added_latency_ms: Latency::of(self.matcher.latency()),
                av_skew_added_ms: skew,
                av_skew_missing: why,
                audio: self.audio(),
                dub: None,
            },
        }
    }
}

impl Tone {
    fn hear(&mut self, rate: u32, pcm: &[f32]) {
        self.pcm.extend_from_slice(pcm);
        let tenth = rate as usize / 10;
        while self.pcm.len() >= tenth && tenth > 0 {
            let db = tone::level_db_at(&self.pcm, rate, self.hz, 0..tenth);
            self.pcm.drain(..tenth);
            self.loudest_db = self.loudest_db.max(db);
            self.tenths += u64::from(db > TONE_DB);
        }
    }
}
