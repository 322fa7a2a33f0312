//! Pure: puts what readers tell of a source and its programmes together.

mod live;
mod programme;
mod stream;

pub use live::{Live, LiveProgramme, LiveStream};

use crate::axis::Continuity;
use crate::read::Event;
use crate::report::{Measures, Programme, Report, Startup};
use programme::Dubbed;
use stream::Stream;

/// A source, its programmes, and what their comparison has given so far.
pub struct Comparison {
    source: Stream,
    programmes: Vec<Dubbed>,
    runs: Vec<u32>,
    ticks: bool,
    last_arrival_ns: u64,
    source_sound: Continuity,
    source_jumps: u64,
}

impl Comparison {
    /// Compares programmes of these languages, each with the pitch of a tone to listen for.
    pub fn new(languages: impl IntoIterator<Item = (String, Option<f64>)>) -> Self {
        let programmes = languages
            .into_iter()
            .map(|(language, hz)| Dubbed::new(language, hz))
            .collect();
        Self {
            source: Stream::default(),
            programmes,
            runs: Vec::new(),
            ticks: false,
            last_arrival_ns: 0,
            source_sound: Continuity::default(),
            source_jumps: 0,
        }
    }

    /// Takes an event of reader `id`: 0 is the source, then the programmes in their order.
    pub fn on(&mut self, id: usize, event: Event) {
        let stream = match id.checked_sub(1) {
            None => &mut self.source,
            Some(n) => match self.programmes.get_mut(n) {
                Some(dubbed) => &mut dubbed.stream,
                None => return,
            },
        };
        match event {
            Event::Up => stream.up(),
            Event::Down { reason } => stream.down = Some(reason),
            Event::Malformed => {}
            Event::Frame { pts_ms, lasts_ms } => match id.checked_sub(1) {
                None => {
                    let jumped = self.source_sound.push(pts_ms, lasts_ms).is_some();
                    self.source_jumps += u64::from(jumped && self.seconds().is_some());
                }
                Some(n) => self.programmes[n].frame(pts_ms, lasts_ms),
            },
            Event::Picture {
                arrival_ns,
                pts_ms,
                unit,
                ..
            } => {
                self.last_arrival_ns = self.last_arrival_ns.max(arrival_ns);
                stream.count += 1;
                stream.bytes += unit.bytes as u64;
                if let Some(stamp) = unit.stamp {
                    self.ticks |= stamp.ticks;
                    stream.run = Some(ordinal(&mut self.runs, stamp.run));
                    stream.pictures.push(pts_ms, stamp.media_ns as f64 / 1e6);
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
            Event::Sound { pts_ms, rate, pcm, .. } => {
                let heard = stream.hear(pts_ms, rate, &pcm);
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
            |name: &str, stream: &Stream| format!("{name}: {}", stream.down.as_deref().unwrap_or("no picture matched"));
        let source = (self.source.run.is_none()).then(|| name("source", &self.source));
        let programmes = self.programmes.iter().filter(|dubbed| dubbed.first_ns.is_none());
        source
            .into_iter()
            .chain(programmes.map(|dubbed| name(&dubbed.language, &dubbed.stream)))
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
            source_discontinuities: self.source_jumps,
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
