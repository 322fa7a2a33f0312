//! Pure: the access units of a programme beside those of its source.
//!
//! Units are matched by their stamp. What was before the first match does not count, nor do source units that may yet
//! come. Memory is bounded: a source unit is kept for `KEEP` units, a programme unit that has no partner for `PATIENCE_NS`.

use std::collections::{HashMap, VecDeque};

use sha2::{Digest, Sha256};

use crate::histogram::Histogram;
use crate::stamp::{Stamp, Unit};

/// Source units kept: 3 minutes at 60 a second, far beyond any hold.
const KEEP: usize = 10_800;
/// Two readers of one router race each other by some milliseconds: how long a programme unit waits for its source unit.
const PATIENCE_NS: u64 = 1_000_000_000;

/// What has been seen so far, over the range seen by both sides.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// Source units.
    pub units_in: u64,
    /// Programme units.
    pub units_out: u64,
    /// Source units that are missing in the programme.
    pub lost: u64,
    /// Programme units that come a second time.
    pub duplicated: u64,
    /// Programme units behind their place.
    pub out_of_order: u64,
    /// Programme units without a partner (no stamp, or one that the source never had).
    pub unmatched: u64,
    /// Matched units whose slices differ.
    pub payload_different: u64,
    /// Matched units whose SEI messages of types 4 and 5 differ.
    pub sei_different: u64,
    /// Captions in the source.
    pub captions_in: u64,
    /// Captions in the programme.
    pub captions_out: u64,
    /// Bytes of programme units.
    pub bytes_out: u64,
}

/// One programme unit that found its partner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Match {
    /// The stamp of both.
    pub stamp: Stamp,
    /// How much later it came, in milliseconds.
    pub added_ms: f64,
}

#[derive(Default)]
struct Hashes {
    payload: Sha256,
    sei: Sha256,
}

impl Hashes {
    fn update(&mut self, unit: &Unit) {
        self.payload.update(unit.slices);
        self.sei.update(unit.sei);
    }
}

struct Entry {
    unit: Unit,
    arrival_ns: u64,
    seen: bool,
}

type Key = (u32, u64);

/// Matches one programme with its source.
#[derive(Default)]
pub struct Matcher {
    source: VecDeque<Entry>,
    /// The ordinal of the oldest kept source unit.
    oldest: u64,
    index: HashMap<Key, u64>,
    pending: VecDeque<(Unit, u64)>,
    /// The range seen by both: from `first` on, counted up to `cursor`.
    first: Option<u64>,
    cursor: u64,
    counts: Counts,
    latency: Histogram,
    hashes_in: Hashes,
    hashes_out: Hashes,
}

impl Matcher {
    /// A unit of the source has arrived; returns the programme units that waited for it.
    pub fn source(&mut self, unit: Unit, arrival_ns: u64) -> Vec<Match> {
        let ordinal = self.oldest + self.source.len() as u64;
        if let Some(key) = key(&unit) {
            self.index.insert(key, ordinal);
        }
        self.source.push_back(Entry {
            unit,
            arrival_ns,
            seen: false,
        });
        if self.source.len() > KEEP {
            self.forget();
        }
        self.drain(arrival_ns)
    }

    /// A unit of the programme has arrived; returns what is matched by now.
    pub fn programme(&mut self, unit: Unit, arrival_ns: u64) -> Vec<Match> {
        self.pending.push_back((unit, arrival_ns));
        self.drain(arrival_ns)
    }

    /// What has been seen so far.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Added latency over all matches.
    #[must_use]
    pub fn latency(&self) -> &Histogram {
        &self.latency
    }

    /// Hash over the slices of (source, programme) in order.
    #[must_use]
    pub fn payload_hashes(&self) -> (String, String) {
        (hex(&self.hashes_in.payload), hex(&self.hashes_out.payload))
    }

    /// Whether every slice of the common range came through, unchanged and in order. `None` before the first match.
    #[must_use]
    pub fn payload_identical(&self) -> Option<bool> {
        let (source, programme) = self.payload_hashes();
        self.first.map(|_| self.whole() && source == programme)
    }

    /// Whether every SEI message of types 4 and 5 came through, unchanged and with its frame.
    #[must_use]
    pub fn sei_identical(&self) -> Option<bool> {
        self.first
            .map(|_| self.whole() && hex(&self.hashes_in.sei) == hex(&self.hashes_out.sei))
    }

    fn whole(&self) -> bool {
        self.counts.units_in == self.counts.units_out && self.counts.unmatched == 0
    }

    fn drain(&mut self, now_ns: u64) -> Vec<Match> {
        let mut matches = Vec::new();
        while let Some((unit, arrival_ns)) = self.pending.front() {
            let found = key(unit).and_then(|key| self.index.get(&key)).copied();
            if found.is_none() && key(unit).is_some() && now_ns.saturating_sub(*arrival_ns) < PATIENCE_NS {
                break;
            }
            let Some((unit, arrival_ns)) = self.pending.pop_front() else {
                break;
            };
            match found {
                Some(ordinal) => matches.extend(self.take(&unit, arrival_ns, ordinal)),
                // Before the first match it is a frame from before the source was read.
                None if self.first.is_none() => {}
                None => {
                    self.counts.unmatched += 1;
                    self.count_out(&unit);
                }
            }
        }
        matches
    }

    fn take(&mut self, unit: &Unit, arrival_ns: u64, ordinal: u64) -> Option<Match> {
        let first = *self.first.get_or_insert_with(|| {
            self.cursor = ordinal;
            ordinal
        });
        if ordinal < first {
            return None;
        }
        while self.cursor < ordinal {
            self.pass(true);
        }
        let late = ordinal < self.cursor;
        if !late {
            self.pass(false);
        }
        let entry = self
            .source
            .get_mut(usize::try_from(ordinal.checked_sub(self.oldest)?).ok()?)?;
        if entry.seen {
            self.counts.duplicated += 1;
        } else if late {
            self.counts.out_of_order += 1;
            self.counts.lost -= 1;
        }
        entry.seen = true;
        self.counts.payload_different += u64::from(entry.unit.slices != unit.slices);
        self.counts.sei_different += u64::from(entry.unit.sei != unit.sei);
        let added_ms = (arrival_ns as f64 - entry.arrival_ns as f64) / 1e6;
        self.latency.add(added_ms);
        self.count_out(unit);
        unit.stamp.map(|stamp| Match { stamp, added_ms })
    }

    /// The source unit at the cursor is counted; it is lost unless its partner is at hand.
    fn pass(&mut self, lost: bool) {
        let Some(entry) = self.source.get((self.cursor - self.oldest) as usize) else {
            return;
        };
        self.counts.units_in += 1;
        self.counts.captions_in += u64::from(entry.unit.captions);
        self.counts.lost += u64::from(lost);
        self.hashes_in.update(&entry.unit);
        self.cursor += 1;
    }

    fn count_out(&mut self, unit: &Unit) {
        self.counts.units_out += 1;
        self.counts.captions_out += u64::from(unit.captions);
        self.counts.bytes_out += unit.bytes as u64;
        self.hashes_out.update(unit);
    }

    fn forget(&mut self) {
        if self.first.is_some() && self.cursor == self.oldest {
            self.pass(true);
        }
        if let Some(entry) = self.source.pop_front() {
            if let Some(key) = key(&entry.unit) {
                self.index.remove(&key);
            }
            self.oldest += 1;
        }
    }
}

fn key(unit: &Unit) -> Option<Key> {
    unit.stamp.map(|stamp| (stamp.run, stamp.frame))
}

fn hex(hash: &Sha256) -> String {
    hash.clone()
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{nal, stamp};

    const FRAME_NS: u64 = 33_333_333;

    fn frame(n: u64) -> Vec<Vec<u8>> {
        let mark = Stamp {
            run: 1,
            frame: n,
            captured_ns: 0,
            media_ns: n * FRAME_NS,
            first_ns: 0,
            ticks: true,
        };
        vec![
            mark.nal(),
            stamp::caption_nal(n),
            vec![0x41, n as u8, 3, 4, 5],
            vec![0x41, n as u8, 9],
        ]
    }

    fn unit(nals: &[Vec<u8>]) -> Unit {
        Unit::read(&nal::join(nals, 4), 4).unwrap()
    }

    /// Source frames 0 to 99; the programme 40 ms later as `change` makes it.
    fn run(change: impl Fn(u64, Vec<Vec<u8>>) -> Vec<Unit>) -> Matcher {
        let mut matcher = Matcher::default();
        for n in 0..100 {
            matcher.source(unit(&frame(n)), n * FRAME_NS);
            for unit in change(n, frame(n)) {
                matcher.programme(unit, n * FRAME_NS + 40_000_000);
            }
        }
        matcher
    }

    #[test]
    fn an_untouched_stream_is_identical() {
        let matcher = run(|n, nals| if n < 10 { vec![] } else { vec![unit(&nals)] });
        assert_eq!((matcher.counts().units_in, matcher.counts().units_out), (90, 90));
        assert_eq!(matcher.payload_identical(), Some(true));
        assert_eq!(matcher.sei_identical(), Some(true));
        assert_eq!(matcher.latency().percentile(50.0), Some(40.0));
        assert_eq!(matcher.counts().captions_out, 90);
    }

    #[test]
    fn a_reencoded_frame_shows() {
        let matcher = run(|n, mut nals| {
            if n == 50 {
                nals[2][3] ^= 1;
            }
            vec![unit(&nals)]
        });
        assert_eq!(matcher.payload_identical(), Some(false));
        assert_eq!(matcher.sei_identical(), Some(true));
        assert_eq!(matcher.counts().payload_different, 1);
    }

    #[test]
    fn a_lost_caption_shows() {
        let matcher = run(|n, mut nals| {
            if n == 50 {
                nals.remove(1);
            }
            vec![unit(&nals)]
        });
        assert_eq!(matcher.payload_identical(), Some(true));
        assert_eq!(matcher.sei_identical(), Some(false));
        assert_eq!((matcher.counts().captions_in, matcher.counts().captions_out), (100, 99));
    }

    #[test]
    fn a_lost_frame_shows() {
        let matcher = run(|n, nals| if n == 50 { vec![] } else { vec![unit(&nals)] });
        assert_eq!(
            (
                matcher.counts().units_in,
                matcher.counts().units_out,
                matcher.counts().lost
            ),
            (100, 99, 1)
        );
        assert_eq!(matcher.payload_identical(), Some(false));
    }

    #[test]
    fn a_doubled_frame_shows() {
        let matcher = run(|n, nals| vec![unit(&nals); if n == 50 { 2 } else { 1 }]);
        assert_eq!(matcher.counts().duplicated, 1);
        assert_eq!(matcher.payload_identical(), Some(false));
    }

    #[test]
    fn swapped_frames_show() {
        let matcher = run(|n, nals| match n {
            50 => vec![],
            51 => vec![unit(&nals), unit(&frame(50))],
            _ => vec![unit(&nals)],
        });
        assert_eq!((matcher.counts().lost, matcher.counts().out_of_order), (0, 1));
        assert_eq!(matcher.payload_identical(), Some(false));
    }

    #[test]
    fn a_frame_without_its_stamp_shows() {
        let matcher = run(|n, mut nals| {
            if n == 50 {
                nals.remove(0);
            }
            vec![unit(&nals)]
        });
        assert_eq!(matcher.counts().unmatched, 1);
        assert_eq!(matcher.payload_identical(), Some(false));
    }

    #[test]
    fn a_programme_reader_may_be_ahead_of_the_source_reader() {
        let mut matcher = Matcher::default();
        for n in 0..100 {
            matcher.programme(unit(&frame(n)), n * FRAME_NS);
            matcher.source(unit(&frame(n)), n * FRAME_NS + 200_000);
        }
        assert_eq!(matcher.payload_identical(), Some(true));
        assert_eq!(matcher.counts().units_out, 100);
        assert_eq!(matcher.latency().percentile(50.0), Some(-0.2));
    }

    #[test]
    fn memory_is_bounded_when_the_programme_never_comes_or_stops() {
        let mut matcher = Matcher::default();
        for n in 0..3 * KEEP as u64 {
            matcher.source(unit(&frame(n)), n * FRAME_NS);
            if n < 10 {
                matcher.programme(unit(&frame(n)), n * FRAME_NS);
            }
        }
        assert!(matcher.source.len() <= KEEP && matcher.index.len() <= KEEP);
        assert!(matcher.counts().lost > 0);
    }
}
