//! Unigram: the cut whose pieces have the highest sum of scores.

use super::pieces::{Kind, Pieces};

/// How much worse than the worst piece an unknown character is.
const UNKNOWN_PENALTY: f32 = 10.0;

#[derive(Clone, Copy)]
struct Best {
    from: usize,
    id: u32,
    score: f32,
}

pub(super) fn cut<'a>(text: &'a str, pieces: &Pieces) -> Vec<(&'a str, u32)> {
    // For each place in the text the best piece that ends there.
    let mut best: Vec<Option<Best>> = vec![None; text.len() + 1];
    let offer = |best: &mut [Option<Best>], from: usize, to: usize, id: u32, score: f32| {
        if let Some(place) = best.get_mut(to)
            && place.is_none_or(|place| score > place.score)
        {
            *place = Some(Best { from, id, score });
        }
    };
    for (from, first) in text.char_indices() {
        // Single precision, as in the original: which of two equal cuts wins depends on it.
        let sum = best.get(from).copied().flatten().map_or(0.0, |best| best.score);
        let mut alone = false;
        for (len, id) in pieces.prefixes(text.get(from..).unwrap_or_default()) {
            let sum = match pieces.kind(id) {
                Some(Kind::Unused) => continue,
                // A user-defined piece beats every cut of its text.
                Some(Kind::UserDefined) => (f64::from(sum) + f64::from(len as f32 * pieces.highest()) - 0.1) as f32,
                _ => sum + pieces.score(id),
            };
            offer(&mut best, from, from + len, id, sum);
            alone |= len == first.len_utf8();
        }
        if !alone {
            let score = pieces.lowest() - UNKNOWN_PENALTY;
            offer(&mut best, from, from + first.len_utf8(), pieces.unknown(), sum + score);
        }
    }
    let mut cut = Vec::new();
    let mut to = text.len();
    while let Some(Some(Best { from, id, .. })) = best.get(to).filter(|_| to > 0) {
        cut.push((text.get(*from..to).unwrap_or_default(), *id));
        to = *from;
    }
    cut.reverse();
    cut
}
