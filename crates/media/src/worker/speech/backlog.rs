//! The source's sound as it was or will be sent: kept for another host, sent again after a loss.

use std::collections::VecDeque;

use dragoman_protocol::limits;
use dragoman_timeline::{Pts, Span};

use crate::worker::feed::SPEECH_RATE;

/// What may wait for a connection that takes nothing; the rest is given up, the oldest first, and a discontinuity flagged.
const MAX_UNSENT: Span = Span::from_secs(1);

/// A few ms of sound.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Piece {
    pub(crate) at: Pts,
    pub(crate) samples: Vec<i16>,
    pub(crate) is_new_run: bool,
}

impl Piece {
    fn end(&self) -> Pts {
        self.at + self.length()
    }

    pub(crate) fn length(&self) -> Span {
        Span::from_samples(self.samples.len() as i64, SPEECH_RATE)
    }

    /// Without what lies before `from`.
    fn from(mut self, from: Pts) -> Self {
        let skip = (from - self.at).samples(SPEECH_RATE);
        if let Ok(skip) = usize::try_from(skip)
            && skip > 0
        {
            let skip = skip.min(self.samples.len());
            self.samples.drain(..skip);
            self.at += Span::from_samples(skip as i64, SPEECH_RATE);
            self.is_new_run = true;
        }
        self
    }
}

/// The last [`limits::CLIENT_KEEPS`] of sound and a cursor: what is before it has been sent on this connection.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    pieces: VecDeque<Piece>,
    /// Index of the next piece to send.
    cursor: usize,
    /// Media time before which nothing is sent on this connection.
    from: Option<Pts>,
    is_broken: bool,
    dropped_samples: u64,
}

impl Backlog {
    /// Sound has come.
    pub(crate) fn push(&mut self, piece: Piece) {
        let keeps = Span::from_ms(i64::try_from(limits::CLIENT_KEEPS.as_millis()).unwrap_or(i64::MAX));
        let end = piece.end();
        self.pieces.push_back(piece);
        while self.pieces.front().is_some_and(|p| end - p.at > keeps) {
            let oldest = self.pieces.pop_front();
            if self.cursor == 0 {
                self.dropped_samples += oldest.map_or(0, |p| p.samples.len()) as u64;
                self.is_broken = true;
            }
            self.cursor = self.cursor.saturating_sub(1);
        }
    }

    /// The connection takes nothing: what is older than [`MAX_UNSENT`] is given up, since live sound is worth more.
    pub(crate) fn give_up_old(&mut self) {
        while self.unsent() > MAX_UNSENT {
            self.dropped_samples += self.pieces.get(self.cursor).map_or(0, |p| p.samples.len()) as u64;
            self.cursor += 1;
            self.is_broken = true;
        }
    }

    fn unsent(&self) -> Span {
        match (self.pieces.get(self.cursor), self.pieces.back()) {
            (Some(first), Some(last)) => last.end() - first.at,
            _ => Span::ZERO,
        }
    }

    /// Whether there is something to send.
    pub(crate) fn has_unsent(&self) -> bool {
        self.cursor < self.pieces.len()
    }

    /// Whether more waits than the piece that was cut last: this connection is catching up.
    pub(crate) fn is_behind(&self) -> bool {
        self.cursor + 1 < self.pieces.len()
    }

    /// A new connection hears from `from` on.
    pub(crate) fn rewind(&mut self, from: Pts) {
        let cursor = self.pieces.partition_point(|p| p.end() <= from);
        let skipped = self.pieces.range(self.cursor.min(cursor)..cursor);
        self.dropped_samples += skipped.map(|p| p.samples.len() as u64).sum::<u64>();
        self.cursor = cursor;
        self.from = Some(from);
        self.is_broken = true;
    }

    /// The next piece to send; it is never empty.
    pub(crate) fn next(&mut self) -> Option<Piece> {
        loop {
            let mut piece = self.pieces.get(self.cursor)?.clone();
            self.cursor += 1;
            if let Some(from) = self.from.take() {
                piece = piece.from(from);
            }
            // Half a sample can be left of a piece.
            if piece.samples.is_empty() {
                continue;
            }
            piece.is_new_run |= std::mem::take(&mut self.is_broken);
            return Some(piece);
        }
    }

    /// The oldest sound that can still be sent, or what comes next.
    pub(crate) fn oldest(&self) -> Option<Pts> {
        self.pieces.front().map(|p| p.at)
    }

    /// After the last of the sound.
    pub(crate) fn end(&self) -> Pts {
        self.pieces.back().map_or(Pts::ZERO, Piece::end)
    }

    /// Samples given up because the connection did not take them.
    pub(crate) fn dropped_samples(&self) -> u64 {
        self.dropped_samples
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn piece(ms: i64) -> Piece {
        Piece {
            at: Pts::from_ms(ms),
            samples: vec![0; 640],
            is_new_run: false,
        }
    }

    fn send_all(backlog: &mut Backlog) -> Vec<Piece> {
        std::iter::from_fn(|| backlog.next()).collect()
    }

    #[test]
    fn another_host_hears_from_the_sample_it_names() {
        let mut backlog = Backlog::default();
        (0..100).for_each(|n| backlog.push(piece(n * 40)));
        send_all(&mut backlog);
        backlog.rewind(Pts::from_ms(1_010));
        let sent = send_all(&mut backlog);
        assert_eq!((sent[0].at, sent[0].is_new_run), (Pts::from_ms(1_010), true));
        assert_eq!(sent[0].samples.len(), 640 - 160);
        assert!(sent[1..].iter().all(|p| !p.is_new_run));
        assert_eq!(sent.len(), 75);
    }

    #[test]
    fn a_connection_that_takes_nothing_loses_the_oldest() {
        let mut backlog = Backlog::default();
        backlog.push(piece(0));
        send_all(&mut backlog);
        (1..=50).for_each(|n| backlog.push(piece(n * 40)));
        assert!(
            backlog.has_unsent() && backlog.dropped_samples() == 0,
            "a burst is no fault of the connection's"
        );
        backlog.give_up_old();
        let sent = send_all(&mut backlog);
        assert_eq!(sent.len(), 25);
        assert!(sent[0].is_new_run && !sent[1].is_new_run);
        assert_eq!(backlog.dropped_samples(), 25 * 640);
    }

    #[test]
    fn a_piece_of_which_nothing_is_left_is_not_sent() {
        let mut backlog = Backlog::default();
        (0..2).for_each(|n| backlog.push(piece(n * 40)));
        backlog.rewind(Pts::from_ns(Pts::from_ms(40).ns() - 1));
        assert_eq!(
            send_all(&mut backlog),
            [Piece {
                is_new_run: true,
                ..piece(40)
            }]
        );
    }

    #[test]
    fn what_comes_between_two_connections_waits() {
        let mut backlog = Backlog::default();
        backlog.push(piece(0));
        send_all(&mut backlog);
        (1..=100).for_each(|n| backlog.push(piece(n * 40)));
        assert_eq!(backlog.dropped_samples(), 0);
        backlog.rewind(Pts::from_ms(1_000));
        assert_eq!(backlog.dropped_samples(), 24 * 640, "nobody has heard what lies before");
        assert_eq!(send_all(&mut backlog).len(), 76);
    }

    #[test]
    fn what_nobody_takes_is_counted_when_it_goes() {
        let mut backlog = Backlog::default();
        (0..500).for_each(|n| backlog.push(piece(n * 40)));
        assert_eq!(backlog.dropped_samples(), 125 * 640);
    }

    proptest! {
        /// Whatever is sent when: in order, nothing twice, and a hole is always flagged.
        #[test]
        fn holes_are_flagged(sends in prop::collection::vec(0_usize..4, 1..600)) {
            let mut backlog = Backlog::default();
            let mut last: Option<Pts> = None;
            for (n, sends) in sends.into_iter().enumerate() {
                backlog.push(Piece { is_new_run: n == 0, ..piece(n as i64 * 40) });
                for _ in 0..sends {
                    let Some(piece) = backlog.next() else { break };
                    if !piece.is_new_run {
                        prop_assert_eq!(Some(piece.at), last);
                    }
                    prop_assert!(last.is_none_or(|l| piece.at >= l));
                    last = Some(piece.end());
                }
                prop_assert!(backlog.pieces.len() <= 376);
            }
        }
    }
}
