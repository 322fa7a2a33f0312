use proptest::prelude::*;

use super::repeats;

/// Feeds tokens one by one, as the decoder does; what is kept, and after how many it stopped.
fn guarded(tokens: &[u32]) -> (&[u32], usize) {
    let stop = (1..=tokens.len()).find_map(|n| repeats(&tokens[..n]).map(|keep| (&tokens[..keep], n)));
    stop.unwrap_or((tokens, tokens.len()))
}

#[test]
fn people_say_things_twice() {
    for text in [
        &[1, 1][..],
        &[7, 1, 2, 1, 2],
        &[1, 2, 3, 1, 2, 3],
        &[5, 1, 2, 3, 9, 1, 2, 3, 4],
        &[],
    ] {
        assert_eq!(guarded(text), (text, text.len()));
    }
}

#[test]
fn a_sentence_twice_is_a_sentence() {
    assert_eq!(
        guarded(&[9, 1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4]),
        (&[9, 1, 2, 3, 4][..], 9)
    );
    assert_eq!(guarded(&[9, 1, 2, 1, 2, 1, 2, 1, 2]), (&[9, 1, 2][..], 7));
    assert_eq!(guarded(&[9, 8, 8, 8, 8, 8]), (&[9, 8][..], 4));
}

proptest! {
    /// Whatever is said before it, a run that comes again and again is stopped soon, and one copy of it stays.
    #[test]
    fn a_loop_always_ends(
        before in proptest::collection::vec(0_u32..50, 0..20),
        run in proptest::collection::vec(100_u32..110, 1..20),
    ) {
        let mut tokens = before.clone();
        (0..8).for_each(|_| tokens.extend(&run));
        let (kept, read) = guarded(&tokens);
        prop_assert!(read <= tokens.len());
        prop_assert!(read < tokens.len(), "it went on");
        prop_assert!(read <= before.len() + 3 * run.len());
        prop_assert!(tokens.starts_with(kept));
    }

    /// What does not repeat itself is left alone.
    #[test]
    fn different_tokens_are_kept(count in 0_u32..60) {
        let tokens: Vec<u32> = (0..count).collect();
        prop_assert_eq!(guarded(&tokens).0, tokens.as_slice());
    }

    /// What goes is nothing but copies of what stays.
    #[test]
    fn nothing_new_is_dropped(tokens in proptest::collection::vec(0_u32..3, 0..40)) {
        let (kept, read) = guarded(&tokens);
        let dropped = &tokens[kept.len()..read];
        if !dropped.is_empty() {
            let run = if dropped.len() >= 4 && kept.ends_with(dropped) { dropped.len() } else { dropped.len() / 2 };
            prop_assert!(dropped.chunks_exact(run).all(|copy| kept.ends_with(copy)));
        }
    }
}
