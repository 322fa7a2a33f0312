//! Pure: puts what readers tell of a source and its programmes together.

use serde::Serialize;

use crate::axis::{Continuity, PictureAxis, SoundAxis};
use crate::hole::{self, Blocks, Holes};
use crate::matching::Matcher;
use crate::read::Event;
use crate::report::{Audio, Latency, Measures, Programme, Report, Skew, Startup, Video};
use crate::skew::{self, Pairing};
use crate::tick::Detector;
use crate::tone;

/// Keeps the seconds of several publishers apart.
const RUN_SECONDS: i64 = 10_000_000;
/// A tone this loud is heard; what is ducked or spoken at its pitch is not.
const TONE_DB: f32 = -34.0;

/// What is true now, printed each second.
#[derive(Debug, Clone, Serialize)]
pub struct Live {
    /// Seconds since the first picture that all programmes had.
    pub seconds: Option<f64>,
    /// The source.
    pub source: LiveStream,
    /// The programmes.
    pub programmes: Vec<LiveProgramme>,
}

/// A stream now.
#[derive(Debug, Clone, Serialize)]
pub struct LiveStream {
    /// Pictures in the last second.
    pub fps: u64,
    /// Bit rate of the pictures.
    pub kbit: u64,
    /// Level of the sound in the last second.
    pub level_db: Option<f32>,
    /// Why there is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub down: Option<String>,
}

/// A programme now.
#[derive(Debug, Clone, Serialize)]
pub struct LiveProgramme {
    /// The target language.
    pub language: String,
    /// As of any stream.
    #[serde(flatten)]
    pub stream: LiveStream,
    /// Pictures matched so far.
    pub matched: u64,
    /// Mean of the last second.
    pub added_latency_ms: Option<f64>,
    /// Of the last tick.
    pub av_skew_added_ms: Option<f64>,
    /// So far.
    pub gaps: u64,
    /// So far.
    pub discontinuities: u64,
    /// Whether all is as it came in, so far.
    pub identical: Option<bool>,
    /// Level of the tone that is listened for, the loudest tenth of the last second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tone_db: Option<f32>,
}

/// A source, its programmes, and what their comparison has given so far.
pub struct Comparison {
    source: Path,
    programmes: Vec<Dubbed>,
    runs: Vec<u32>,
    ticks: bool,
    last_arrival_ns: u64,
}

/// One stream as its reader sees it.
#[derive(Default)]
struct Path {
    pictures: PictureAxis,
    sound: Option<Ear>,
    blocks: Blocks,
    run: Option<i64>,
    connections: u64,
    down: Option<String>,
    count: u64,
    bytes: u64,
    square_sum: f64,
    samples: u64,
}

struct Ear {
    rate: u32,
    axis: SoundAxis,
    detector: Detector,
}

struct Dubbed {
    language: String,
    path: Path,
    matcher: Matcher,
    pairing: Pairing,
    holes: Holes,
    continuity: Continuity,
    jumps: u64,
    jumps_ahead: u64,
    first_ns: Option<u64>,
    first_frame_ms: Option<f64>,
    added: (f64, u64),
    tone: Option<Tone>,
}

struct Tone {
    hz: f64,
    pcm: Vec<f32>,
    loudest_db: f32,
    tenths: u64,
}

/// What the sound of one event gave: ticks (second, skew) and blocks (index, level).
#[derive(Default)]
struct Heard {
    ticks: Vec<(i64, f64)>,
    blocks: Vec<(i64, f32)>,
}

impl Comparison {
    /// Compares programmes of these languages, each with the pitch of a tone to listen for.
    pub fn new(languages: impl IntoIterator<Item = (String, Option<f64>)>) -> Self {
        let programmes = languages
            .into_iter()
            .map(|(language, hz)| Dubbed::new(language, hz))
            .collect();
        Self {
            source: Path::default(),
            programmes,
            runs: Vec::new(),
            ticks: false,
            last_arrival_ns: 0,
        }
    }

    /// Takes an event of reader `id`: 0 is the source, then the programmes in their order.
    pub fn on(&mut self, id: usize, event: Event) {
        let path = match id.checked_sub(1) {
            None => &mut self.source,
            Some(n) => match self.programmes.get_mut(n) {
                Some(dubbed) => &mut dubbed.path,
                None => return,
            },
        };
        match event {
            Event::Up => path.up(),
            Event::Down { reason } => path.down = Some(reason),
            Event::Malformed => {}
            Event::Frame { pts_ms, lasts_ms } => {
                if let Some(dubbed) = id.checked_sub(1).and_then(|n| self.programmes.get_mut(n)) {
                    dubbed.frame(pts_ms, lasts_ms);
                }
            }
            Event::Picture {
                arrival_ns,
                pts_ms,
                unit,
            } => {
                self.last_arrival_ns = self.last_arrival_ns.max(arrival_ns);
                path.count += 1;
                path.bytes += unit.bytes as u64;
                if let Some(stamp) = unit.stamp {
                    self.ticks |= stamp.ticks;
                    path.run = Some(ordinal(&mut self.runs, stamp.run));
                    path.pictures.push(pts_ms, stamp.media_ns as f64 / 1e6);
                }
                match id.checked_sub(1) {
                    None => {
                        self.programmes
                            .iter_mut()
                            .for_each(|dubbed| dubbed.source_unit(unit.clone(), arrival_ns));
                    }
                    Some(n) => self.programmes[n].unit(unit, arrival_ns),
                }
            }
            Event::Sound { pts_ms, rate, pcm } => {
                let heard = path.hear(pts_ms, rate, &pcm);
                match id.checked_sub(1) {
                    None => self
                        .programmes
                        .iter_mut()
                        .for_each(|dubbed| dubbed.source_sound(&heard)),
                    Some(n) => self.programmes[n].sound(&heard, rate, &pcm),
                }
            }
        }
    }

    /// Seconds since all programmes had a picture of the source.
    #[must_use]
    pub fn seconds(&self) -> Option<f64> {
        let first: Option<Vec<u64>> = self.programmes.iter().map(|dubbed| dubbed.first_ns).collect();
        let first = first?.into_iter().max()?;
        Some(self.last_arrival_ns.saturating_sub(first) as f64 / 1e9)
    }

    /// Which streams have shown nothing yet, and why.
    #[must_use]
    pub fn missing(&self) -> String {
        let name =
            |name: &str, path: &Path| format!("{name}: {}", path.down.as_deref().unwrap_or("no picture matched"));
        let source = (self.source.run.is_none()).then(|| name("source", &self.source));
        let programmes = self.programmes.iter().filter(|dubbed| dubbed.first_ns.is_none());
        source
            .into_iter()
            .chain(programmes.map(|dubbed| name(&dubbed.language, &dubbed.path)))
            .collect::<Vec<_>>()
            .join("; ")
    }

    /// What is true now; counts of the last second begin anew.
    pub fn second(&mut self) -> Live {
        let seconds = self.seconds();
        let source = self.source.second();
        Live {
            seconds,
            source,
            programmes: self.programmes.iter_mut().map(Dubbed::second).collect(),
        }
    }

    /// What was measured so far.
    #[must_use]
    pub fn report(&self) -> Report {
        let programmes: Vec<Programme> = self.programmes.iter().map(|dubbed| dubbed.report(self.ticks)).collect();
        let first: Option<Vec<f64>> = programmes
            .iter()
            .map(|programme| programme.first_programme_frame_ms)
            .collect();
        Report {
            seconds: self.seconds().unwrap_or(0.0),
            measures: Measures::worst(programmes.iter().map(|programme| &programme.measures)),
            startup_ms: Startup {
                stack_ready: None,
                first_programme_frame: first.and_then(|all| all.into_iter().reduce(f64::max)),
            },
            programmes,
            ..Report::default()
        }
    }
}

/// Numbers the publishers as they appear.
fn ordinal(runs: &mut Vec<u32>, run: u32) -> i64 {
    let known = runs.iter().position(|known| *known == run);
    known.unwrap_or_else(|| {
        runs.push(run);
        runs.len() - 1
    }) as i64
}

impl Path {
    fn up(&mut self) {
        self.connections += 1;
        self.down = None;
        self.pictures = PictureAxis::default();
        self.sound = None;
        self.blocks = Blocks::default();
    }

    fn hear(&mut self, pts_ms: f64, rate: u32, pcm: &[f32]) -> Heard {
        self.samples += pcm.len() as u64;
        self.square_sum += pcm
            .iter()
            .map(|sample| f64::from(*sample) * f64::from(*sample))
            .sum::<f64>();
        if self.sound.as_ref().is_none_or(|ear| ear.rate != rate) {
            self.sound = Some(Ear {
                rate,
                axis: SoundAxis::new(rate),
                detector: Detector::new(rate),
            });
        }
        let Some(ear) = &mut self.sound else {
            return Heard::default();
        };
        let position = ear.axis.samples() as f64;
        ear.axis.push(pts_ms, pcm.len());
        let ticks = ear.detector.push(pcm);
        let (Some(offset), Some(run)) = (self.pictures.offset(), self.run) else {
            return Heard::default();
        };
        let media_ms = |at: f64| ear.axis.at(at).map(|pts_ms| pts_ms - offset);
        let ticks = ticks.iter().filter_map(|tick| skew::place(media_ms(tick.at)?));
        let first = run * RUN_SECONDS;
        let blocks_in_run = (1000.0 / hole::BLOCK_MS) as i64 * first;
        let blocks = media_ms(position)
            .map(|at| self.blocks.push(at, rate, pcm))
            .unwrap_or_default();
        Heard {
            ticks: ticks.map(|(second, skew)| (first + second, skew)).collect(),
            blocks: blocks
                .into_iter()
                .map(|(index, db)| (blocks_in_run + index, db))
                .collect(),
        }
    }

    fn second(&mut self) -> LiveStream {
        let level = (self.samples > 0).then(|| hole::decibels((self.square_sum / self.samples as f64).sqrt()));
        let live = LiveStream {
            fps: self.count,
            kbit: self.bytes * 8 / 1000,
            level_db: level.map(tenth),
            down: self.down.clone(),
        };
        (self.count, self.bytes, self.square_sum, self.samples) = (0, 0, 0.0, 0);
        live
    }
}

impl Dubbed {
    fn new(language: String, hz: Option<f64>) -> Self {
        Self {
            language,
            path: Path::default(),
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

    fn source_unit(&mut self, unit: crate::stamp::Unit, arrival_ns: u64) {
        let matches = self.matcher.source(unit, arrival_ns);
        self.matched(&matches, arrival_ns);
    }

    fn unit(&mut self, unit: crate::stamp::Unit, arrival_ns: u64) {
        if let (None, Some(stamp)) = (self.first_frame_ms, unit.stamp) {
            self.first_frame_ms = Some(arrival_ns.saturating_sub(stamp.first_ns) as f64 / 1e6);
        }
        let matches = self.matcher.programme(unit, arrival_ns);
        self.matched(&matches, arrival_ns);
    }

    fn matched(&mut self, matches: &[crate::matching::Match], now_ns: u64) {
        if !matches.is_empty() {
            self.first_ns.get_or_insert(now_ns);
        }
        for found in matches {
            self.added = (self.added.0 + found.added_ms, self.added.1 + 1);
        }
    }

    fn frame(&mut self, pts_ms: f64, lasts_ms: f64) {
        let jump = self.continuity.push(pts_ms, lasts_ms);
        if self.first_ns.is_some() {
            self.jumps += u64::from(jump.is_some());
            self.jumps_ahead += u64::from(jump.is_some_and(|by| by > 0.0));
        }
    }

    fn source_sound(&mut self, heard: &Heard) {
        heard
            .ticks
            .iter()
            .for_each(|(second, skew)| self.pairing.source(*second, *skew));
        heard
            .blocks
            .iter()
            .for_each(|(index, db)| self.holes.source(*index, *db));
    }

    fn sound(&mut self, heard: &Heard, rate: u32, pcm: &[f32]) {
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

    fn second(&mut self) -> LiveProgramme {
        let (sum, count) = std::mem::take(&mut self.added);
        let audio = self.audio();
        let both = self.matcher.payload_identical().zip(self.matcher.sei_identical());
        LiveProgramme {
            language: self.language.clone(),
            stream: self.path.second(),
            matched: self.matcher.latency().count(),
            added_latency_ms: (count > 0).then(|| (sum / count as f64 * 10.0).round() / 10.0),
            av_skew_added_ms: self.pairing.now().map(|ms| (ms * 100.0).round() / 100.0),
            gaps: audio.gaps,
            discontinuities: audio.discontinuities,
            identical: both.map(|(payload, sei)| payload && sei),
            tone_db: self
                .tone
                .as_mut()
                .map(|tone| tenth(std::mem::replace(&mut tone.loudest_db, -120.0))),
        }
    }

    fn report(&self, ticks: bool) -> Programme {
        let skew = Skew::of(self.pairing.added());
        let why = match (skew, ticks) {
            (Some(_), _) => None,
            (None, false) => Some("the source has no ticks".to_owned()),
            (None, true) => Some("no tick was heard in both".to_owned()),
        };
        Programme {
            language: self.language.clone(),
            first_programme_frame_ms: self.first_frame_ms,
            reconnects: self.path.connections.saturating_sub(1),
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

fn tenth(value: f32) -> f32 {
    (value * 10.0).round() / 10.0
}
