//! Stops a decoder that says the same thing again and again, which short windows make it do: it is very sure of it, and only
//! the repetition itself gives it away.

/// Runs of at least this many tokens are suspicious when they come twice, shorter ones when they come three times: "no, no"
/// is something that people say.
const LONG: usize = 4;

/// How many of `tokens` to keep if their end repeats itself: all up to the end of the first copy.
pub(super) fn repeats(tokens: &[u32]) -> Option<usize> {
    (1..=tokens.len() / 2).find_map(|run| {
        let copies = if run >= LONG { 2 } else { 3 };
        let start = tokens.len().checked_sub(copies * run)?;
        let same = tokens[start..].windows(run + 1).all(|pair| pair[0] == pair[run]);
        same.then_some(start + run)
    })
}

#[cfg(test)]
#[path = "guard_test.rs"]
mod tests;
