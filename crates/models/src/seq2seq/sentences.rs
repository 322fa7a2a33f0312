//! Text cut where a translation model may see the parts apart: at the ends of sentences, and inside of one only if it is too long.

/// Words after which a full stop ends no sentence as a rule.
const ABBREVIATIONS: &[&str] = &[
    "mr", "mrs", "ms", "dr", "prof", "st", "jr", "sr", "sra", "srta", "ud", "uds", "vs", "bzw", "ca", "nr", "gen",
    "capt", "lt", "sgt", "rev", "gov", "sen", "pres", "mme", "mlle", "sig", "dott", "avda", "approx",
];

/// The sentences of a text, trimmed, none empty.
pub(crate) fn split(text: &str) -> Vec<&str> {
    let mut sentences = Vec::new();
    let mut from = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let after = at + c.len_utf8();
        if !ends_sentence(c) {
            continue;
        }
        // Closing quotes and brackets, and more marks, belong to the sentence that ends.
        let mut to = after;
        while let Some(&(next, c)) = chars.peek() {
            if !(ends_sentence(c) || closes(c)) {
                break;
            }
            to = next + c.len_utf8();
            chars.next();
        }
        let rest = &text[to..];
        // A small letter goes on with the sentence.
        let apart = rest.starts_with(char::is_whitespace) && !rest.trim_start().starts_with(char::is_lowercase);
        if is_wide_end(c) || apart && (c != '.' || to > after || ends_at_full_stop(&text[from..at])) {
            sentences.push(&text[from..to]);
            from = to;
        }
    }
    sentences.push(&text[from..]);
    sentences
        .iter()
        .map(|sentence| sentence.trim())
        .filter(|sentence| !sentence.is_empty())
        .collect()
}

fn ends_sentence(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | '…' | '؟' | '।' | '\n') || is_wide_end(c)
}

/// Ends that no space follows.
fn is_wide_end(c: char) -> bool {
    matches!(c, '。' | '！' | '？' | '｡' | '\n')
}

fn closes(c: char) -> bool {
    matches!(c, '"' | '\'' | ')' | ']' | '”' | '’' | '»' | '」' | '』' | '）')
}

fn ends_at_full_stop(before: &str) -> bool {
    let word = before
        .rsplit(|c: char| c.is_whitespace() || c == '(')
        .next()
        .unwrap_or_default();
    // An initial ("J. Smith", "a. m."), or a known short form.
    if word.chars().filter(|c| *c != '.').count() <= 1
        || word.contains('.') && !word.contains(|c: char| c.is_ascii_digit())
    {
        return false;
    }
    !ABBREVIATIONS.contains(&word.to_lowercase().as_str())
}

/// Cuts a text further until each part has at most `limit` tokens: at a clause's end near the middle, else at a space, else anywhere.
pub(crate) fn fit<'a>(text: &'a str, limit: usize, tokens: &dyn Fn(&str) -> usize) -> Vec<&'a str> {
    let mut parts = Vec::new();
    let mut open = vec![text.trim()];
    while let Some(text) = open.pop() {
        if text.is_empty() {
            continue;
        }
        match middle(text).filter(|_| tokens(text) > limit) {
            Some(at) => {
                let (first, second) = text.split_at(at);
                open.extend([second.trim(), first.trim()]);
            }
            None => parts.push(text),
        }
    }
    parts
}

/// Where to cut a text in two; nowhere if it is one character.
fn middle(text: &str) -> Option<usize> {
    let half = text.len() / 2;
    let quarter = text.len() / 4;
    let nearest = |wanted: &dyn Fn(char) -> bool, within: usize| {
        let ends = text
            .char_indices()
            .filter(|(_, c)| wanted(*c))
            .map(|(at, c)| at + c.len_utf8());
        ends.filter(|&at| at < text.len() && at.abs_diff(half) <= within)
            .min_by_key(|at| at.abs_diff(half))
    };
    nearest(
        &|c| matches!(c, ',' | ';' | ':' | '—' | '–' | '，' | '、' | '；' | '：' | '،'),
        quarter,
    )
    .or_else(|| nearest(&char::is_whitespace, quarter))
    .or_else(|| nearest(&|_| true, text.len()))
}
