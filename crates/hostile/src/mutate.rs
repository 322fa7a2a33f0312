//! A small mutator: what a fuzzer does to its corpus, with a seed and without coverage.

/// Numbers at which lengths and sizes go wrong.
const EDGES: [u64; 12] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0x00ff_ffff,
    0x7fff_ffff,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    u64::MAX,
];
/// What JSON, queries and variables are made of.
const WORDS: [&str; 16] = [
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    "null",
    "-1",
    "1e999",
    "18446744073709551616",
    "\\u0000",
    "%00",
    "&",
    "=",
    "\n",
];
/// Longest input; beyond it a length alone matters, and corpora show those.
const MAX_BYTES: usize = 16 * 1024;

/// A sequence of inputs that follows from a seed (xorshift64*).
pub struct Mutator(u64);

impl Mutator {
    /// The same seed gives the same inputs.
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// A number below `end`; 0 where that is 0.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16;
        (number as usize).checked_rem(end).unwrap_or(0)
    }

    /// One of `corpus`, changed in one to eight ways.
    pub fn next(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = self.one_of(corpus);
        for _ in 0..=self.below(8) {
            self.change(&mut bytes, corpus);
        }
        bytes.truncate(MAX_BYTES);
        bytes
    }

    fn one_of(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        corpus.get(self.below(corpus.len())).cloned().unwrap_or_default()
    }

    fn change(&mut self, bytes: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let at = self.below(bytes.len());
        let length = self.below(bytes.len() - at).min(1 + self.below(64));
        match self.below(9) {
            0 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << self.below(8);
                }
            }
            1 => {
                let byte = self.below(256) as u8;
                bytes.insert(at, byte);
            }
            2 => drop(bytes.drain(at..at + length)),
            3 => {
                let part = bytes[at..at + length].to_vec();
                for _ in 0..=self.below(16) {
                    bytes.splice(at..at, part.iter().copied());
                }
            }
            4 => {
                let word = WORDS[self.below(WORDS.len())];
                bytes.splice(at..at, word.bytes());
            }
            5 | 6 => {
                let width = [1, 2, 3, 4, 8][self.below(5)];
                let number = EDGES[self.below(EDGES.len())].to_be_bytes();
                let end = bytes.len().min(at + width);
                bytes.splice(at..end, number[8 - width..].iter().copied());
            }
            7 => {
                let other = self.one_of(corpus);
                let from = self.below(other.len());
                bytes.truncate(at);
                bytes.extend(&other[from..]);
            }
            _ => bytes.truncate(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_inputs_and_they_differ_among_themselves() {
        let corpus = [b"{\"a\":1}".to_vec(), Vec::new()];
        let inputs = |seed| {
            let mut mutator = Mutator::new(seed);
            (0..200).map(|_| mutator.next(&corpus)).collect::<Vec<_>>()
        };
        assert_eq!(inputs(7), inputs(7));
        let distinct: std::collections::HashSet<_> = inputs(7).into_iter().collect();
        assert!(distinct.len() > 100, "{}", distinct.len());
    }
}
