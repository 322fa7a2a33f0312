//! Which number of streams to try next.

/// Doubling until one is not held, or from a first guess by quarters; then halving the way between, down to a part of what
/// is held.
///
/// `tried` are the numbers so far and whether each was held; nothing is left to try when the answer is `None`.
pub(super) fn next(tried: &[(usize, bool)], guess: Option<usize>, most: usize) -> Option<usize> {
    let held = held(tried);
    let failed = tried.iter().filter(|(_, held)| !held).map(|(count, _)| *count).min();
    let next = match (held, failed) {
        (0, None) => guess.unwrap_or(1).max(1),
        (held, None) if guess.is_some() => held + (held / 4).max(1),
        // Nothing between one and four says anything new.
        (1, None) => 4,
        (held, None) => held * 2,
        (held, Some(failed)) if failed <= held + 1 + held / 6 => return None,
        (0, Some(failed)) if guess.is_some() => failed - (failed / 4).max(1),
        (held, Some(failed)) => usize::midpoint(held, failed),
    };
    let next = next.min(most);
    (!tried.iter().any(|(count, _)| *count == next)).then_some(next)
}

/// The most streams that were held with all smaller numbers held too.
pub(super) fn held(tried: &[(usize, bool)]) -> usize {
    let failed = tried.iter().filter(|(_, held)| !held).map(|(count, _)| *count).min();
    let held = tried.iter().filter(|(_, held)| *held).map(|(count, _)| *count);
    held.filter(|count| failed.is_none_or(|failed| *count < failed))
        .max()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(limit: usize, guess: Option<usize>, most: usize) -> Vec<usize> {
        let mut tried = Vec::new();
        while let Some(count) = next(&tried, guess, most) {
            tried.push((count, count <= limit));
            assert!(tried.len() < 30, "{tried:?}");
        }
        tried.into_iter().map(|(count, _)| count).collect()
    }

    #[test]
    fn the_limit_is_doubled_towards_and_then_closed_in_on() {
        assert_eq!(search(21, None, 256), [1, 4, 8, 16, 32, 24, 20]);
        assert_eq!(search(100, None, 12), [1, 4, 8, 12]);
        assert_eq!(search(0, None, 64), [1]);
        assert_eq!(search(5, None, 64), [1, 4, 8, 6, 5]);
    }

    #[test]
    fn a_guess_that_is_about_right_saves_steps() {
        assert_eq!(search(18, Some(16), 64), [16, 20, 18]);
        assert_eq!(search(15, Some(16), 64), [16, 12, 14]);
        assert_eq!(search(3, Some(16), 64), [16, 12, 9, 7, 6, 5, 4, 3]);
        assert_eq!(search(0, Some(2), 64), [2, 1]);
        assert_eq!(search(64, Some(60), 64), [60, 64]);
    }

    #[test]
    fn luck_above_a_failure_does_not_count() {
        assert_eq!(held(&[(8, true), (16, false), (32, true)]), 8);
    }
}
