//! Dates and times of day.

use super::super::Lang;
use super::super::lang::{Form, Gender};
use super::numeral::{digits, short};
use super::scan::Scan;

/// German words after which an ordinal ends in n.
const DATIVE: [&str; 25] = [
    "am", "im", "vom", "zum", "beim", "dem", "den", "des", "zur", "bis", "ab", "seit", "einem", "einen", "einer",
    "ihrem", "seinem", "diesem", "diesen", "jedem", "jeden", "unserem", "meinem", "ihren", "seinen",
];

/// Before "der" they make it a dative.
const PREPOSITIONS: [&str; 14] = [
    "in", "mit", "von", "bei", "nach", "zu", "aus", "seit", "vor", "auf", "an", "unter", "ab", "während",
];

impl Scan {
    /// "2026-05-12", "12/05/2026", "12.05.26", in German also "am 12.5.".
    pub(super) fn date(&mut self) -> bool {
        let first = digits(&self.text, self.at);
        let Some(sign) = self.char(first).filter(|c| matches!(c, '-' | '/' | '.')) else {
            return false;
        };
        let second = digits(&self.text, first + 1);
        let third = if self.char(second) == Some(sign) {
            digits(&self.text, second + 1)
        } else {
            second
        };
        let part = |from: usize, to: usize| -> (usize, u64) {
            let len = to.saturating_sub(from);
            let text: String = self.text[from.min(to)..to].iter().collect();
            (len, text.parse().unwrap_or(u64::MAX))
        };
        let (a, b, c) = (part(self.at, first), part(first + 1, second), part(second + 1, third));
        let day_month = |day: u64, month: u64| (1..=31).contains(&day) && (1..=12).contains(&month);
        let short = |(len, _): (usize, u64)| (1..=2).contains(&len);
        if c.0 == 0 {
            let after_word = DATIVE.contains(&self.previous_word(self.at).to_lowercase().as_str());
            let german = self.lang == Lang::De && sign == '.' && third == second + 1 && after_word;
            return german && short(a) && short(b) && day_month(a.1, b.1) && self.say_date(a.1, b.1, None, third);
        }
        let next = self.char(third);
        if next.is_some_and(|c| c.is_ascii_digit()) || next == Some(sign) && self.is_digit(third + 1) {
            return false;
        }
        if a.0 == 4 && short(b) && short(c) && day_month(c.1, b.1) {
            return self.say_date(c.1, b.1, Some(a.1), third);
        }
        let year = match c {
            (4, year) => year,
            (2, year) if sign != '-' => {
                if year < 70 {
                    2000 + year
                } else {
                    1900 + year
                }
            }
            _ => return false,
        };
        if !short(a) || !short(b) {
            return false;
        }
        let (day, month) = match (a.1, b.1) {
            (month, day) if self.lang == Lang::En && sign == '/' && day_month(day, month) => (day, month),
            (day, month) if day_month(day, month) => (day, month),
            (month, day) if day_month(day, month) => (day, month),
            _ => return false,
        };
        self.say_date(day, month, Some(year), third)
    }

    fn say_date(&mut self, day: u64, month: u64, year: Option<u64>, end: usize) -> bool {
        let known = self.known;
        let month = known.months[month as usize - 1];
        let day = self.day(day);
        let year = year.map(|year| (known.year)(year).unwrap_or_else(|| (known.cardinal)(year, Form::Alone)));
        let words = match (self.lang, year) {
            (Lang::En, Some(year)) => format!("{month} {day}, {year}"),
            (Lang::En, None) => format!("{month} {day}"),
            (Lang::Es | Lang::Pt, Some(year)) => format!("{day} de {month} de {year}"),
            (Lang::Es | Lang::Pt, None) => format!("{day} de {month}"),
            (_, Some(year)) => format!("{day} {month} {year}"),
            (_, None) => format!("{day} {month}"),
        };
        self.say(&words, end);
        true
    }

    /// The day of a month as it is said before or after its name.
    pub(super) fn day(&self, day: u64) -> String {
        let known = self.known;
        match (self.lang, day) {
            // "l'1 maggio" is said otherwise than "il 1° maggio".
            (Lang::It, 1) if self.before(self.at) == Some('\'') => (known.cardinal)(1, Form::Alone),
            (Lang::En, _) => (known.ordinal)(day, Gender::Masc),
            (Lang::De, _) => self.german_ordinal(day),
            (Lang::Fr | Lang::It | Lang::Pt, 1) => (known.ordinal)(1, Gender::Masc),
            _ => (known.cardinal)(day, Form::Alone),
        }
    }

    /// With the ending that the word before asks for.
    pub(super) fn german_ordinal(&self, n: u64) -> String {
        let (before, far) = self.previous_words(self.at);
        let (before, far) = (before.to_lowercase(), far.to_lowercase());
        let end = match before.as_str() {
            "der" if PREPOSITIONS.contains(&far.as_str()) => "n",
            "der" | "die" | "das" | "diese" | "dieser" | "dieses" => "",
            _ if DATIVE.contains(&before.as_str()) => "n",
            _ => "r",
        };
        (self.known.ordinal)(n, Gender::Masc) + end
    }

    /// The month whose name or abbreviation stands at `at`, and the position after it.
    pub(super) fn month(&self, at: usize) -> Option<(&'static str, usize)> {
        let (word, end) = self.word(at);
        let dot = self.char(end) == Some('.');
        let found = self.known.months.iter().find(|month| {
            let whole = month.to_lowercase() == word.to_lowercase();
            // "Oct.", "Sept."; "mar." is March, "mare." nothing.
            let short = dot && word.chars().count() >= 3 && month.to_lowercase().starts_with(&word.to_lowercase());
            whole && (self.lang != Lang::En || word.starts_with(char::is_uppercase)) || short
        })?;
        let whole = found.chars().count() == word.chars().count();
        Some((found, if whole { end } else { end + 1 }))
    }

    /// Whether the word before is a month's.
    pub(super) fn after_month(&self) -> bool {
        let before = self.previous_word(self.at);
        self.known.months.iter().any(|month| *month == before)
    }

    /// "14:30", "14h30", "14.30 Uhr", "2 p.m.".
    pub(super) fn time(&mut self) -> bool {
        let end = digits(&self.text, self.at);
        let (hour, minute, after) = match self.clock(end) {
            Some(found) => found,
            None if self.lang == Lang::En && end - self.at <= 2 && self.half_day(end).is_some() => {
                (self.number_at(self.at, end), 0, end)
            }
            None => return false,
        };
        if hour > 24 || minute > 59 {
            return false;
        }
        let (seconds, after) = match digits(&self.text, after + 1) {
            stop if self.char(after) == Some(':') && stop == after + 3 => (Some(self.number_at(after + 1, stop)), stop),
            _ => (None, after),
        };
        let half = self.half_day(after).filter(|_| hour <= 12);
        let (name, after) = match half {
            Some((name, after)) => (Some(name), after),
            None => (None, self.clock_word(after)),
        };
        let mut words = self.clock_words(hour, minute, name.is_some());
        if let Some(seconds) = seconds {
            words = format!(
                "{words} {} {}",
                self.known.signs.and,
                (self.known.cardinal)(seconds, Form::Alone)
            );
        }
        if let Some(name) = name {
            words = format!("{words} {name}");
        }
        self.say(&words, after);
        // "2 p.m." at the end of a text ends its sentence.
        if half.is_some() && self.before(after) == Some('.') && self.skip_blanks(after) == self.text.len() {
            self.mark('.');
        }
        true
    }

    /// Hour, minute and where they end, if the digits up to `end` are followed by minutes.
    fn clock(&self, end: usize) -> Option<(u64, u64, usize)> {
        if end - self.at > 2 {
            return None;
        }
        let hour = self.number_at(self.at, end);
        let minutes = |at: usize| Some(digits(&self.text, at)).filter(|stop| *stop == at + 2);
        match self.char(end)? {
            ':' => minutes(end + 1).map(|stop| (hour, self.number_at(end + 1, stop), stop)),
            '.' if matches!(self.lang, Lang::De | Lang::Nl) => {
                let stop = minutes(end + 1)?;
                (self.clock_word(stop) > stop).then(|| (hour, self.number_at(end + 1, stop), stop))
            }
            'h' | 'H' | ' ' if matches!(self.lang, Lang::Fr | Lang::Pt | Lang::Es) => {
                let at = self.skip_blank(end);
                let after = (self.char(at) == Some('h')).then_some(at + 1)?;
                let spaced = self.skip_blank(after);
                match minutes(after).or_else(|| minutes(spaced).filter(|_| at > end)) {
                    Some(stop) if self.ends(stop) => Some((hour, self.number_at(stop - 2, stop), stop)),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn number_at(&self, from: usize, to: usize) -> u64 {
        let text: String = self.text[from..to].iter().collect();
        text.parse().unwrap_or(u64::MAX)
    }

    /// "AM" or "PM" after an English time.
    fn half_day(&self, end: usize) -> Option<(&'static str, usize)> {
        let at = self.skip_blank(end);
        let forms = [
            ("a.m.", "AM"),
            ("p.m.", "PM"),
            ("am", "AM"),
            ("pm", "PM"),
            ("AM", "AM"),
            ("PM", "PM"),
        ];
        let (form, name) = forms
            .iter()
            .filter(|_| self.lang == Lang::En)
            .find(|(form, _)| self.stands(form, at))?;
        let end = at + form.len();
        self.ends(end).then_some((*name, end))
    }

    /// Position after a word that only says that this was a time.
    fn clock_word(&self, end: usize) -> usize {
        let (word, after) = self.next_word(end);
        let word = match self.lang {
            Lang::De => word == "Uhr",
            Lang::Nl => word == "uur",
            Lang::Fr => matches!(word.as_str(), "h" | "heures" | "heure"),
            Lang::Es | Lang::Pt => matches!(word.as_str(), "h" | "hs" | "horas"),
            Lang::En | Lang::It => false,
        };
        match word {
            true if self.char(after) == Some('.')
                && self.char(self.skip_blanks(after + 1)).is_some_and(char::is_lowercase) =>
            {
                after + 1
            }
            true => after,
            false => end,
        }
    }

    fn clock_words(&self, hour: u64, minute: u64, half_day: bool) -> String {
        let known = self.known;
        let before = self.previous_word(self.at).to_lowercase();
        let count = |n: u64, form: Form| (known.cardinal)(n, form);
        let fem = count(hour, Form::Of(Gender::Fem));
        let minutes = count(minute, Form::Alone);
        match (self.lang, minute) {
            (Lang::En, 0) if half_day => count(hour, Form::Alone),
            (Lang::En, 0) if (1..=12).contains(&hour) => format!("{} o'clock", count(hour, Form::Alone)),
            (Lang::En, 0) => format!("{} hundred", count(hour, Form::Alone)),
            (Lang::En, 1..10) => format!("{} oh {minutes}", count(hour, Form::Alone)),
            (Lang::En, _) => format!("{} {minutes}", count(hour, Form::Alone)),
            (Lang::Fr, 0) => format!("{fem} {}", if hour < 2 { "heure" } else { "heures" }),
            (Lang::Fr, _) => format!("{fem} {} {minutes}", if hour < 2 { "heure" } else { "heures" }),
            (Lang::De, 0) => format!("{} Uhr", count(hour, Form::Of(Gender::Masc))),
            (Lang::De, _) => format!("{} Uhr {minutes}", count(hour, Form::Of(Gender::Masc))),
            (Lang::Nl, 0) => format!("{fem} uur"),
            (Lang::Nl, _) => format!("{fem} uur {minutes}"),
            (Lang::Es, 0) if matches!(before.as_str(), "la" | "las") => fem,
            (Lang::Es | Lang::Pt, 0) => format!("{fem} {}", if hour == 1 { "hora" } else { "horas" }),
            (Lang::Es, _) => format!("{fem} y {minutes}"),
            (Lang::It, 0) => fem,
            (Lang::Pt | Lang::It, _) => format!("{fem} e {minutes}"),
        }
    }

    /// A short number that stands in a name: "G20", "A4".
    pub(super) fn code(&self, end: usize) -> String {
        let text: String = self.text[self.at..end].iter().collect();
        short(&text, self.known)
    }
}
