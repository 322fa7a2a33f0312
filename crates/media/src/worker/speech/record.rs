//! What a host has said in one session: what is settled, and how much of each dub has come. It outlives the socket.

use std::collections::BTreeMap;

use dragoman_protocol::{Have, TargetId, UtteranceId, limits};
use dragoman_timeline::Pts;

use crate::worker::pacer::Report;

/// Utterances that are remembered, with four targets as many as `have` can tell; the oldest are forgotten first.
const MOST: usize = limits::MAX_HAVE / 4;

/// See the module.
pub(super) struct Record {
    /// The number under which the playouts know its utterances.
    pub(super) number: u32,
    pub(super) url: String,
    pub(super) token: String,
    /// As the host has it.
    settled: Pts,
    /// After the last utterance.
    heard_to: Pts,
    targets: usize,
    utterances: BTreeMap<u32, Known>,
}

struct Known {
    start: Pts,
    end: Pts,
    dubs: Vec<Dub>,
}

#[derive(Clone, Copy, Default)]
struct Dub {
    samples: u64,
    has_ended: bool,
}

impl Known {
    fn has_ended(&self) -> bool {
        self.dubs.iter().all(|d| d.has_ended)
    }
}

impl Record {
    /// Of a session that begins at `from`.
    pub(super) fn new(number: u32, url: String, token: String, from: Pts, targets: usize) -> Self {
        Self {
            number,
            url,
            token,
            settled: from,
            heard_to: from,
            targets,
            utterances: BTreeMap::new(),
        }
    }

    /// The same session on another socket.
    pub(super) fn resumed(self, token: String) -> Self {
        Self { token, ..self }
    }

    /// An utterance, or the same again.
    pub(super) fn utterance(&mut self, id: UtteranceId, start: Pts, end: Pts) {
        let dubs = vec![Dub::default(); self.targets];
        self.utterances.entry(id.0).or_insert(Known { start, end, dubs });
        self.heard_to = self.heard_to.max(end);
        while self.utterances.len() > MOST {
            self.utterances.pop_first();
        }
    }

    /// Samples of a dub; false when all of them came before.
    pub(super) fn pcm(&mut self, id: UtteranceId, target: TargetId, offset: u64, len: u64) -> bool {
        let Some(dub) = self.dub(id, target) else { return true };
        let end = offset.saturating_add(len);
        let is_new = end > dub.samples;
        if is_new && offset <= dub.samples {
            dub.samples = end;
        }
        is_new
    }

    /// A dub has ended; false when that was known.
    pub(super) fn end(&mut self, id: UtteranceId, target: TargetId) -> bool {
        self.dub(id, target)
            .is_none_or(|dub| !std::mem::replace(&mut dub.has_ended, true))
    }

    fn dub(&mut self, id: UtteranceId, target: TargetId) -> Option<&mut Dub> {
        self.utterances.get_mut(&id.0)?.dubs.get_mut(usize::from(target.0))
    }

    /// The host says that all is settled before `to`.
    pub(super) fn settle(&mut self, to: Pts) {
        self.settled = self.settled.max(to);
    }

    /// Every target has played or given up what ends before `to`: the host forgets it as well.
    pub(super) fn forget(&mut self, to: Pts) {
        self.utterances.retain(|_, known| !known.has_ended() || known.end > to);
    }

    /// After the last utterance: what comes is not part of one that is known.
    pub(super) fn heard_to(&self) -> Pts {
        self.heard_to
    }

    /// Media time before which every utterance has all of its dubs.
    pub(super) fn settled(&self) -> Pts {
        let open = self.utterances.values().find(|known| !known.has_ended());
        self.settled.max(open.map_or(self.heard_to, |known| known.start))
    }

    /// What need not be sent again. A dub that goes on is asked for from where the playout has it, in case the pacer's
    /// queue was full.
    pub(super) fn have(&self, report: &Report) -> Vec<Have> {
        let held = |utterance: u32, target: usize| {
            let held = &report.programmes.get(target)?.held;
            held.iter()
                .find(|(k, _)| k.connection == self.number && k.utterance == utterance)
                .map(|&(_, samples)| samples)
        };
        let of_utterance = |(&id, known): (&u32, &Known)| {
            let dubs: Vec<_> = (0_u8..)
                .zip(&known.dubs)
                .map(|(target, &dub)| (id, target, dub))
                .collect();
            dubs
        };
        let have = self.utterances.iter().flat_map(of_utterance).map(|(id, target, dub)| {
            let held = held(id, target.into()).filter(|_| !dub.has_ended);
            let samples = held.map_or(dub.samples, |held| held.min(dub.samples));
            Have {
                utterance: UtteranceId(id),
                target: TargetId(target),
                samples,
            }
        });
        have.filter(|have| have.samples > 0).take(limits::MAX_HAVE).collect()
    }
}

#[cfg(test)]
mod tests {
    use dragoman_audio::playout::Key;

    use super::*;
    use crate::worker::programme::ProgrammeReport;

    const ES: TargetId = TargetId(0);
    const FR: TargetId = TargetId(1);

    fn record() -> Record {
        let mut record = Record::new(7, String::new(), String::new(), Pts::ZERO, 2);
        for (id, start) in [(1, 1_000), (2, 3_000)] {
            record.utterance(UtteranceId(id), Pts::from_ms(start), Pts::from_ms(start + 1_500));
        }
        record
    }

    #[test]
    fn it_is_settled_up_to_the_oldest_dub_that_goes_on() {
        let mut record = record();
        assert_eq!(record.settled(), Pts::from_ms(1_000));
        assert!(record.end(UtteranceId(1), ES) && !record.end(UtteranceId(1), ES));
        assert_eq!(record.settled(), Pts::from_ms(1_000), "one target is not all");
        record.end(UtteranceId(1), FR);
        assert_eq!(record.settled(), Pts::from_ms(3_000));
        assert!([ES, FR].iter().all(|&target| record.end(UtteranceId(2), target)));
        assert_eq!(record.settled(), Pts::from_ms(4_500));
        record.settle(Pts::from_ms(6_000));
        assert_eq!(record.settled(), Pts::from_ms(6_000), "a pause that the host has heard");
        record.forget(Pts::from_ms(2_500));
        assert_eq!(record.utterances.keys().collect::<Vec<_>>(), [&2]);
    }

    #[test]
    fn what_has_come_is_counted_once_and_without_holes() {
        let mut record = record();
        assert!(record.pcm(UtteranceId(1), ES, 0, 100));
        assert!(!record.pcm(UtteranceId(1), ES, 50, 50), "known");
        assert!(record.pcm(UtteranceId(1), ES, 50, 60), "partly known");
        assert!(record.pcm(UtteranceId(1), ES, 200, 100), "the playout counts holes");
        assert_eq!(
            record.have(&Report::default()),
            [Have {
                utterance: UtteranceId(1),
                target: ES,
                samples: 110
            }]
        );
    }

    #[test]
    fn a_hole_in_the_playout_is_asked_for_again() {
        let mut record = record();
        record.pcm(UtteranceId(1), ES, 0, 100);
        record.pcm(UtteranceId(2), ES, 0, 100);
        record.end(UtteranceId(1), ES);
        let held = [1, 2]
            .map(|utterance| {
                (
                    Key {
                        connection: 7,
                        utterance,
                    },
                    40,
                )
            })
            .to_vec();
        let programmes = vec![ProgrammeReport {
            held,
            ..ProgrammeReport::default()
        }];
        let have = record.have(&Report {
            programmes,
            ..Report::default()
        });
        assert_eq!(have.iter().map(|have| have.samples).collect::<Vec<_>>(), [100, 40]);
    }

    #[test]
    fn a_session_without_end_does_not_grow() {
        let mut record = record();
        (3..2_000).for_each(|id| record.utterance(UtteranceId(id), Pts::ZERO, Pts::ZERO));
        assert_eq!(record.utterances.len(), MOST);
    }
}
