//! What the pacer would get, checked as it comes.

use std::collections::BTreeMap;

use dragoman_audio::playout::{End, Key};
use dragoman_timeline::{Pts, Span};

use crate::worker::pacer::DubInput;

/// What may be missing of a stretch of voice: the detector takes a moment at either edge.
const EDGE: Span = Span::from_ms(150);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Story {
    /// Connections in the order in which they became ready; one that was resumed is there again.
    pub(super) ready: Vec<u32>,
    /// And how many were ready by then.
    pub(super) lost: Vec<(u32, usize)>,
    pub(super) utterances: BTreeMap<Key, Vec<(Pts, Pts, String)>>,
    pub(super) dubs: BTreeMap<(Key, usize), Vec<String>>,
    pub(super) pcm: BTreeMap<(Key, usize), Vec<i16>>,
    pub(super) ends: BTreeMap<(Key, usize), End>,
    /// Samples that came twice, with the same content.
    pub(super) doubled: usize,
}

impl Story {
    pub(super) fn add(&mut self, input: DubInput) {
        let is_lost = |connection: u32| self.lost.iter().any(|lost| lost.0 == connection);
        let known = |key: &Key| self.ready.contains(&key.connection) && !is_lost(key.connection);
        match input {
            DubInput::Ready { connection, dub_rate } => {
                assert_eq!(dub_rate, 24_000);
                assert!(!is_lost(connection), "a number is not used again");
                self.ready.push(connection);
            }
            DubInput::Lost { connection } => {
                assert!(!is_lost(connection), "lost once");
                self.lost.push((connection, self.ready.len()));
            }
            DubInput::Utterance {
                key, start, end, text, ..
            } => {
                assert!(known(&key) && start < end);
                self.utterances.entry(key).or_default().push((start, end, text));
            }
            DubInput::Dub {
                key,
                target,
                text,
                estimate,
            } => {
                assert!(known(&key) && self.utterances.contains_key(&key) && estimate > Span::ZERO);
                self.dubs.entry((key, target)).or_default().push(text);
            }
            DubInput::Pcm {
                key,
                target,
                offset,
                pcm,
            } => {
                assert!(
                    known(&key) && self.dubs.contains_key(&(key, target)),
                    "{key:?} {target}"
                );
                assert!(
                    !self.ends.contains_key(&(key, target)) && !pcm.is_empty(),
                    "{key:?} {target}"
                );
                let dub = self.pcm.entry((key, target)).or_default();
                let offset = usize::try_from(offset).unwrap();
                assert!(offset <= dub.len(), "a hole in {key:?}: {} then {offset}", dub.len());
                let again = pcm.len().min(dub.len() - offset);
                assert_eq!(dub[offset..offset + again], pcm[..again]);
                self.doubled += again;
                dub.extend(&pcm[again..]);
            }
            DubInput::End { key, target, end } => {
                assert!(known(&key) && self.utterances.contains_key(&key));
                let before = self.ends.insert((key, target), end);
                assert_eq!(before, None, "{key:?} {target} has ended twice");
            }
        }
    }

    /// Samples that a connection has brought.
    pub(super) fn samples(&self, connection: u32) -> usize {
        self.pcm
            .iter()
            .filter(|(dub, _)| dub.0.connection == connection)
            .map(|(_, pcm)| pcm.len())
            .sum()
    }

    /// Whether a dub has begun and not ended.
    pub(super) fn is_in_a_dub(&self) -> bool {
        self.pcm.keys().any(|dub| !self.ends.contains_key(dub))
    }

    /// Intervals of the utterances of which all of `targets` dubs came, in order of time.
    pub(super) fn whole(&self, targets: usize) -> Vec<(u32, Pts, Pts)> {
        let whole = |(key, heard): (&Key, &Vec<(Pts, Pts, String)>)| {
            let (start, end, _) = heard[0];
            assert!(heard.iter().all(|again| (again.0, again.1) == (start, end)));
            // The engine's tone is as long as the utterance.
            let len = usize::try_from((end - start).samples(16_000) * 3 / 2).unwrap();
            let is_whole = (0..targets).map(|target| (*key, target)).all(|dub| {
                self.ends.get(&dub) == Some(&End::Done) && self.pcm.get(&dub).is_some_and(|pcm| pcm.len() == len)
            });
            is_whole.then_some((key.connection, start, end))
        };
        let mut whole: Vec<_> = self.utterances.iter().filter_map(whole).collect();
        whole.sort_by_key(|&(_, start, _)| start);
        whole
    }

    /// Every voice of the source is in a dub.
    pub(super) fn assert_covers(&self, voices: &[(Pts, Pts)], targets: usize) {
        let whole = self.whole(targets);
        for &(from, to) in voices {
            let mut at = from;
            let mut missing = Span::ZERO;
            for &(_, start, end) in whole.iter().filter(|&&(_, start, end)| end > from && start < to) {
                missing += (start - at).max(Span::ZERO);
                at = at.max(end);
            }
            missing += (to - at).max(Span::ZERO);
            assert!(
                missing <= EDGE,
                "{missing:?} of {from:?}..{to:?} is in no dub: {whole:?}"
            );
        }
    }

    /// No voice of the source is in two dubs.
    pub(super) fn assert_nothing_twice(&self, targets: usize) {
        let whole = self.whole(targets);
        assert!(whole.windows(2).all(|w| w[0].2 <= w[1].1), "{whole:?}");
        assert_eq!(self.doubled, 0);
    }
}
