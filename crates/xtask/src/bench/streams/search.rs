//! Which number of streams to try next.

/// Doubling until one is not held, then halving the way between, down to a tenth of what is held.
///
/// `tried` are the numbers so far and whether each was held; nothing is left to try when the answer is `None`.
pub(super) fn next(tried: &[(usize, bool)], most: usize) -> Option<usize> {
    let held = held(tried);
    let failed = tried.iter().filter(|(_, held)| !held).map(|(count, _)| *count).min();
    let next = match (held, failed) {
        (0, None) => 1,
        // Nothing between one and four says anything new.
        (1, None) => 4,
        (held, None) => held * 2,
        (held, Some(failed)) if failed <= held + 1 + held / 10 => return None,
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

    fn search(limit: usize, most: usize) -> Vec<usize> {
        let mut tried = Vec::new();
        while let Some(count) = next(&tried, most) {
            tried.push((count, count <= limit));
            assert!(tried.len() < 30, "{tried:?}");
        }
        tried.into_iter().map(|(count, _)| count).collect()
    }

    #[test]
    fn the_limit_is_doubled_towards_and_then_closed_in_on() {
        assert_eq!(search(21, 256), [1, 4, 8, 16, 32, 24, 20, 22]);
        assert_eq!(search(100, 12), [1, 4, 8, 12]);
        assert_eq!(search(0, 12), [1]);
    }

    #[test]
    fn the_answer_is_never_more_than_was_held_and_close_to_it() {
        for limit in 0..200 {
            let mut tried = Vec::new();
            while let Some(count) = next(&tried, 256) {
                tried.push((count, count <= limit));
            }
            let found = held(&tried);
            assert!(found <= limit && limit - found <= limit / 10 + 1, "{limit}: {tried:?}");
        }
    }

    #[test]
    fn luck_above_a_failure_does_not_count() {
        assert_eq!(held(&[(8, true), (16, false), (32, true)]), 8);
    }
}
