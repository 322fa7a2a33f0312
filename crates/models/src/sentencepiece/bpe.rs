//! BPE: characters merged pair by pair, the pair with the highest score first.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};

use super::pieces::{Kind, Pieces};

/// A stretch of the text, linked to its neighbours; an empty one was merged into the one before it.
struct Symbol {
    from: usize,
    to: usize,
    before: Option<usize>,
    after: Option<usize>,
    frozen: bool,
}

#[derive(PartialEq)]
struct Pair {
    score: f32,
    left: usize,
    right: usize,
    len: usize,
}

impl Eq for Pair {}

impl Ord for Pair {
    fn cmp(&self, other: &Self) -> Ordering {
        // Of equals the leftmost is the greatest.
        self.score.total_cmp(&other.score).then(other.left.cmp(&self.left))
    }
}

impl PartialOrd for Pair {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

struct Merging<'a> {
    text: &'a str,
    pieces: &'a Pieces,
    symbols: Vec<Symbol>,
    pairs: BinaryHeap<Pair>,
    /// Where an unused piece was put together, to take it apart again.
    seams: HashMap<&'a str, usize>,
}

pub(super) fn cut<'a>(text: &'a str, pieces: &'a Pieces) -> Vec<(&'a str, u32)> {
    let mut merging = Merging {
        text,
        pieces,
        symbols: symbols(text, pieces),
        pairs: BinaryHeap::new(),
        seams: HashMap::new(),
    };
    for right in 1..merging.symbols.len() {
        merging.offer(Some(right - 1), Some(right));
    }
    while let Some(pair) = merging.pairs.pop() {
        merging.merge(&pair);
    }
    let mut cut = Vec::new();
    for symbol in merging.symbols.iter().filter(|symbol| symbol.from < symbol.to) {
        merging.resolve(&text[symbol.from..symbol.to], &mut cut);
    }
    cut
}

fn symbols(text: &str, pieces: &Pieces) -> Vec<Symbol> {
    let mut symbols: Vec<Symbol> = Vec::with_capacity(text.len());
    let mut from = 0;
    while let Some(first) = text[from..].chars().next() {
        let mark = pieces.mark(&text[from..]);
        let to = from + mark.unwrap_or(first.len_utf8());
        let at = symbols.len();
        symbols.push(Symbol {
            from,
            to,
            before: at.checked_sub(1),
            after: (to < text.len()).then_some(at + 1),
            frozen: mark.is_some(),
        });
        from = to;
    }
    symbols
}

impl<'a> Merging<'a> {
    fn offer(&mut self, left: Option<usize>, right: Option<usize>) {
        let (Some(left), Some(right)) = (left, right) else {
            return;
        };
        let (first, second) = (&self.symbols[left], &self.symbols[right]);
        if first.frozen || second.frozen {
            return;
        }
        let joined = &self.text[first.from..second.to];
        let Some(id) = self.pieces.part(joined) else {
            return;
        };
        if self.pieces.kind(id) == Some(Kind::Unused) {
            self.seams.insert(joined, first.to - first.from);
        }
        self.pairs.push(Pair {
            score: self.pieces.score(id),
            left,
            right,
            len: joined.len(),
        });
    }

    fn merge(&mut self, pair: &Pair) {
        let (left, right) = (&self.symbols[pair.left], &self.symbols[pair.right]);
        let (first, second) = (left.to - left.from, right.to - right.from);
        // One of the two was merged with another neighbour in the meantime.
        if first == 0 || second == 0 || first + second != pair.len {
            return;
        }
        let (before, after, to) = (left.before, right.after, right.to);
        self.symbols[pair.left].to = to;
        self.symbols[pair.left].after = after;
        let right = &mut self.symbols[pair.right];
        right.from = right.to;
        if let Some(after) = after {
            self.symbols[after].before = Some(pair.left);
        }
        self.offer(before, Some(pair.left));
        self.offer(Some(pair.left), after);
    }

    fn resolve(&self, text: &'a str, cut: &mut Vec<(&'a str, u32)>) {
        let mut open = vec![text];
        while let Some(text) = open.pop() {
            let id = self.pieces.id(text).unwrap_or(self.pieces.unknown());
            match self.seams.get(text) {
                Some(&seam) if self.pieces.kind(id) == Some(Kind::Unused) => {
                    let (first, second) = text.split_at(seam);
                    open.extend([second, first]);
                }
                _ => cut.push((text, id)),
            }
        }
    }
}
