//! One blank between words, none before a mark, no mark twice.

pub(super) fn tidy(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    let mut blank = false;
    while let Some(c) = letters.next() {
        if c.is_whitespace() {
            blank = true;
            continue;
        }
        let next = letters.peek().copied();
        let mark = matches!(c, ',' | '.' | ';' | ':' | '!' | '?' | '…');
        // ".NET" keeps its blank.
        let leans = mark && !next.is_some_and(char::is_alphanumeric);
        if blank && !out.is_empty() && !leans {
            out.push(' ');
        }
        blank = false;
        let again = match c {
            '.' => out.ends_with("..."),
            _ => mark && out.ends_with(c),
        };
        if !again {
            out.push(c);
        }
    }
    out
}
