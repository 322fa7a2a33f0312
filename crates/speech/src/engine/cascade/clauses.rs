//! Which clauses of a growing text are complete, so that they can be spoken while the rest is translated.

/// Characters that a clause has to have to be spoken by itself: a voice says shorter pieces without a melody.
const LEAST: usize = 12;

/// Bytes at the beginning of `text` that are whole clauses: up to the last punctuation mark behind which more has come.
pub(super) fn complete(text: &str, from: usize) -> usize {
    let Some(rest) = text.get(from..) else { return from };
    let mut end = 0;
    let mut marks = rest.char_indices().peekable();
    let mut before = None;
    while let Some((_, mark)) = marks.next() {
        let (after, next) = match marks.peek() {
            Some((after, next)) => (*after, *next),
            None => break,
        };
        let wide = matches!(mark, '。' | '！' | '？' | '、' | '，' | '；');
        let narrow = matches!(mark, '.' | '!' | '?' | ',' | ';' | ':' | '…') && next.is_whitespace();
        // "3. de mayo", "J. Smith": no end of anything.
        let short = mark == '.' && before.is_some_and(|c: char| c.is_ascii_digit() || c.is_uppercase());
        let more = rest[after..].chars().any(|c| !c.is_whitespace());
        if (wide || (narrow && !short)) && more && rest[end..after].trim().chars().count() >= LEAST {
            end = after;
        }
        before = Some(mark);
    }
    from + end
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_clause_is_complete_when_more_has_come() {
        let text = "El presidente hablará esta tarde, según dijo él mismo. Y mañana";
        assert_eq!(&text[..complete(text, 0)], "El presidente hablará esta tarde, según dijo él mismo.");
        assert_eq!(complete("El presidente hablará esta tarde,", 0), 0, "more of it may come");
        let first = complete("El presidente hablará esta tarde, se", 0);
        assert_eq!(first, "El presidente hablará esta tarde,".len());
        assert_eq!(complete("El presidente hablará esta tarde, se", first), first);
    }

    #[test]
    fn short_pieces_numbers_and_initials_are_not_clauses() {
        for text in ["Sí, claro", "El premio es de 3.500 euros y más", "Habló con John F. Kennedy ayer", ""] {
            assert_eq!(complete(text, 0), 0, "{text}");
        }
    }

    proptest! {
        /// However a text grows, what was complete stays so, and it is never cut within a character.
        #[test]
        fn what_is_complete_stays_complete(text in "[a-zé。, .A1]{0,80}") {
            let mut spoken = 0;
            for (at, _) in text.char_indices() {
                let end = complete(&text[..at], spoken);
                prop_assert!(end >= spoken && text.is_char_boundary(end));
                spoken = end;
            }
        }
    }
}
