//! Addresses of pages and mailboxes, handles and hashtags: their marks are said.

use super::super::Lang;
use super::numeral;
use super::scan::Scan;

/// Longest token that is looked at.
const LONGEST: usize = 256;
const DOMAINS: [&str; 16] = [
    ".com", ".org", ".net", ".eu", ".tv", ".io", ".gov", ".edu", ".info", ".fr", ".uk", ".br", ".ch", ".nl", ".pt",
    ".int",
];

impl Scan {
    pub(super) fn link(&mut self) -> bool {
        let starts = |c: char| c.is_whitespace() || matches!(c, '(' | '"' | '\'' | '«' | '“' | '„');
        if !self.before(self.at).is_none_or(starts) {
            return false;
        }
        let token: String = self.text[self.at..]
            .iter()
            .take(LONGEST)
            .take_while(|c| !c.is_whitespace())
            .collect();
        let token = token.trim_end_matches(|c: char| !c.is_alphanumeric() && c != '/');
        let Some((start, rest)) = self.linked(token) else {
            return false;
        };
        let said = self.link_words(rest);
        let words = if start.is_empty() {
            said
        } else {
            format!("{start} {said}")
        };
        self.say(&words, self.at + token.chars().count());
        true
    }

    /// What is said first, and the part of the token to say, if it is a link at all.
    fn linked<'a>(&self, token: &'a str) -> Option<(&'static str, &'a str)> {
        let signs = &self.known.signs;
        for scheme in ["https://", "http://", "www."] {
            if let Some(rest) = token
                .get(..scheme.len())
                .filter(|start| start.eq_ignore_ascii_case(scheme))
                .and(token.get(scheme.len()..))
            {
                let rest = rest.strip_prefix("www.").unwrap_or(rest);
                return rest.contains(char::is_alphanumeric).then_some(("", rest));
            }
        }
        let name = |name: &str| {
            name.chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-'))
        };
        for (sign, word) in [('@', signs.at), ('#', signs.hashtag)] {
            if let Some(rest) = token
                .strip_prefix(sign)
                .filter(|rest| name(rest) && rest.starts_with(char::is_alphabetic))
            {
                return Some((word, rest));
            }
        }
        if let Some((local, host)) = token.split_once('@') {
            let named = |part: &str| !part.is_empty() && part.starts_with(char::is_alphanumeric);
            let mail =
                name(&local.replace(['+', '%'], "")) && name(host) && named(local) && named(host) && host.contains('.');
            return mail.then_some(("", token));
        }
        let host = token.split('/').next().unwrap_or_default();
        let own = match self.lang {
            Lang::De => ".de",
            Lang::Es => ".es",
            Lang::It => ".it",
            _ => ".com",
        };
        let domain = DOMAINS
            .iter()
            .chain([&own])
            .any(|end| host.ends_with(end) && host.len() > end.len());
        let plain = host.starts_with(|c: char| c.is_ascii_alphanumeric()) && !host.contains("..");
        let plain = plain
            && host
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
        (domain && plain).then_some(("", token))
    }

    fn link_words(&self, link: &str) -> String {
        let signs = &self.known.signs;
        let mut words: Vec<String> = Vec::new();
        let mut rest = link.trim_end_matches(|c: char| !c.is_alphanumeric());
        while let Some(c) = rest.chars().next() {
            let run = |of: fn(char) -> bool| rest.find(|c| !of(c)).unwrap_or(rest.len());
            let len = match c {
                '0'..='9' => {
                    let len = run(|c| c.is_ascii_digit());
                    words.push(numeral::short(&rest[..len], self.known));
                    len
                }
                _ if c.is_alphanumeric() => {
                    let len = run(|c| c.is_alphanumeric() && !c.is_ascii_digit());
                    words.push(rest[..len].into());
                    len
                }
                _ => {
                    let word = match c {
                        '.' => signs.dot,
                        '/' => signs.slash,
                        '-' => signs.dash,
                        '_' => signs.underscore,
                        '@' => signs.at,
                        '+' => signs.plus,
                        _ => "",
                    };
                    words.extend(Some(word.to_owned()).filter(|word| !word.is_empty()));
                    c.len_utf8()
                }
            };
            rest = &rest[len..];
        }
        words.join(" ")
    }
}
