//! What has been said of a translation while the rest is still to come: whole words only, and never taken back.

use std::ops::ControlFlow;

/// Tokens to text.
pub(crate) trait Detokenizer {
    /// The text of tokens, without the models' marks.
    fn decode(&self, tokens: &[u32]) -> String;
    /// Whether a token begins a word, so that what is before it is whole.
    fn begins_word(&self, token: u32) -> bool;
}

/// Gathers sentences and reports them as they grow.
pub(crate) struct SoFar<'a> {
    on_text: &'a mut dyn FnMut(&str) -> ControlFlow<()>,
    /// The sentences that are whole.
    whole: String,
    /// What was reported: always the beginning of what comes after.
    given: String,
    stopped: bool,
}

impl<'a> SoFar<'a> {
    pub(crate) fn new(on_text: &'a mut dyn FnMut(&str) -> ControlFlow<()>) -> Self {
        Self {
            on_text,
            whole: String::new(),
            given: String::new(),
            stopped: false,
        }
    }

    /// Whether the other side has had enough.
    pub(crate) fn stopped(&self) -> bool {
        self.stopped
    }

    /// One more token of the sentence that is being said.
    pub(crate) fn token(&mut self, tokens: &[u32], text: &dyn Detokenizer) -> ControlFlow<()> {
        let Some((&last, before)) = tokens.split_last() else {
            return ControlFlow::Continue(());
        };
        if before.is_empty() {
            return ControlFlow::Continue(());
        }
        if text.begins_word(last) {
            return self.offer(joined(&self.whole, &text.decode(before)));
        }
        // Scripts without spaces: each character may stand alone.
        let before = text.decode(before);
        match before.ends_with(is_unspaced) {
            true => self.offer(joined(&self.whole, &before)),
            false => ControlFlow::Continue(()),
        }
    }

    /// A sentence is whole. After a stop nothing more is reported.
    pub(crate) fn sentence(&mut self, text: &str) {
        let whole = joined(&self.whole, text);
        // A repetition that was cut back may have been reported: what was said stays said.
        self.whole = if whole.starts_with(&self.given) {
            whole
        } else {
            self.given.clone()
        };
        if !self.stopped {
            let _stopped = self.offer(self.whole.clone());
        }
    }

    /// The whole translation.
    pub(crate) fn finish(self) -> String {
        self.whole
    }

    fn offer(&mut self, text: String) -> ControlFlow<()> {
        if text.len() <= self.given.len() || !text.starts_with(&self.given) {
            return ControlFlow::Continue(());
        }
        self.given = text;
        let go_on = (self.on_text)(&self.given);
        self.stopped |= go_on.is_break();
        go_on
    }
}

fn joined(before: &str, text: &str) -> String {
    let text = text.trim();
    let tight = before.is_empty() || text.is_empty() || before.ends_with(is_unspaced);
    format!("{before}{}{text}", if tight { "" } else { " " })
}

/// Scripts that put no spaces between words, with their marks.
fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3000}'..='\u{30ff}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ff60}'
        | '\u{20000}'..='\u{3ffff}')
}
