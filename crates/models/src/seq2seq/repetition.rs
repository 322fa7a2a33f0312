//! The sign of a decoder that has lost its way: the same words again and again.

/// The longest stretch that is looked for.
const PERIOD_MAX: usize = 24;
/// How often it must be there in a row ...
const TIMES: usize = 4;
/// ... and how many tokens it must fill at least: "no, no, no, no" is speech.
const TOKENS: usize = 12;

/// How many tokens to keep if the last ones only repeat: up to the end of the first time.
pub(super) fn runaway(tokens: &[u32]) -> Option<usize> {
    (1..=PERIOD_MAX.min(tokens.len() / TIMES)).find_map(|period| {
        let fresh = tokens
            .iter()
            .rev()
            .zip(tokens.iter().rev().skip(period))
            .take_while(|(a, b)| a == b)
            .count();
        let repeated = fresh / period * period;
        (repeated / period + 1 >= TIMES && repeated + period >= TOKENS).then(|| tokens.len() - repeated)
    })
}
