//! One number and what follows it: an ordinal's ending, a unit, a month, a noun.

use super::super::Lang;
use super::super::lang::{Form, Gender};
use super::numeral::{self, Numeral};
use super::scan::Scan;

/// Short words that no number counts.
const FUNCTION: [&str; 46] = [
    "a", "al", "alla", "alle", "als", "and", "at", "au", "com", "con", "contra", "da", "das", "de", "del", "della",
    "di", "do", "dos", "e", "el", "em", "en", "es", "et", "há", "in", "la", "las", "le", "los", "na", "no", "nos", "o",
    "ou", "para", "per", "por", "que", "se", "su", "sua", "un", "una", "y",
];

impl Scan {
    /// Writes the words of the number here, whatever it is.
    pub(super) fn number(&mut self) -> bool {
        let times = self.before(self.at) == Some('x') && self.at.checked_sub(2).is_some_and(|at| self.is_digit(at));
        if self.before(self.at).is_some_and(char::is_alphabetic) && !times {
            // "G20", "MP3": no unit and no date follows a letter.
            let end = numeral::digits(&self.text, self.at);
            let words = self.code(end);
            self.say(&words, end);
            return true;
        }
        self.height()
            || self.date()
            || self.time()
            || self.telephone()
            || self.version()
            || self.range()
            || self.fraction()
            || self.one_number()
    }

    /// "6'2"", a height in feet and inches.
    fn height(&mut self) -> bool {
        let feet = numeral::digits(&self.text, self.at);
        let inches = numeral::digits(&self.text, feet + 1);
        let sizes = feet == self.at + 1 && (feet + 2..=feet + 3).contains(&inches);
        if self.lang != Lang::En
            || !sizes
            || self.char(feet) != Some('\'')
            || !matches!(self.char(inches), Some('"' | '”'))
        {
            return false;
        }
        let number =
            |from: usize, to: usize| numeral::short(&self.text[from..to].iter().collect::<String>(), self.known);
        let words = format!("{} foot {}", number(self.at, feet), number(feet + 1, inches));
        self.say(&words, inches + 1);
        true
    }

    fn one_number(&mut self) -> bool {
        let numeral = numeral::read(&self.text, self.at, self.known);
        self.ordinal(&numeral)
            || self.decade(&numeral)
            || self.percentage(&numeral)
            || self.amount_after(&numeral)
            || self.unit(&numeral)
            || self.day_of_month(&numeral)
            || self.cardinal(&numeral)
    }

    /// "3rd", "1er", "3º", "3e", "der 3.".
    fn ordinal(&mut self, numeral: &Numeral) -> bool {
        let Some(value) = numeral.value().filter(|value| numeral.fraction.is_none() && *value > 0) else {
            return false;
        };
        let (m, f) = (Gender::Masc, Gender::Fem);
        let suffixes: &[(&str, Gender)] = match self.lang {
            Lang::En => &[("st", m), ("nd", m), ("rd", m), ("th", m)],
            Lang::Fr => &[
                ("ième", m),
                ("ème", m),
                ("eme", m),
                ("ère", f),
                ("nde", f),
                ("nd", m),
                ("er", m),
                ("re", f),
                ("es", m),
                ("e", m),
            ],
            Lang::Es | Lang::Pt => &[
                (".º", m),
                (".ª", f),
                (".er", m),
                ("º", m),
                ("ª", f),
                ("°", m),
                ("er", m),
            ],
            Lang::It => &[("º", m), ("ª", f), ("°", m)],
            Lang::Nl => &[("ste", m), ("de", m), ("e", m)],
            Lang::De => return self.german(numeral, value),
        };
        let fits = |suffix: &str| {
            let end = numeral.end + suffix.chars().count();
            // "25 °C" and "20° a la sombra" are temperatures, "il 3° posto" is not.
            let degrees =
                suffix == "°" && (value > 20 || !self.char(self.skip_blank(end)).is_some_and(char::is_lowercase));
            let degrees = degrees || suffix == "º" && matches!(self.char(end), Some('C' | 'F'));
            self.stands(suffix, numeral.end) && (self.ends(end) || suffix.ends_with(['º', 'ª'])) && !degrees
        };
        let Some((suffix, gender)) = suffixes.iter().find(|(suffix, _)| fits(suffix)) else {
            return false;
        };
        let end = numeral.end + suffix.chars().count();
        let mut words = (self.known.ordinal)(value, *gender);
        if self.lang == Lang::Es && suffix.ends_with("er") && (words.ends_with("primero") || words.ends_with("tercero"))
        {
            words.pop();
        }
        if self.lang == Lang::Fr && suffix.starts_with("nd") && value == 2 {
            words = if *gender == f { "seconde" } else { "second" }.into();
        }
        self.say(&words, end);
        true
    }

    /// "3. Oktober", "der 3. Platz", but not the end of a sentence.
    fn german(&mut self, numeral: &Numeral, value: u64) -> bool {
        let end = numeral.end + 1;
        if self.char(numeral.end) != Some('.') || numeral.grouped || value > 1000 || self.skip_blank(end) == end {
            return false;
        }
        let next = self.skip_blank(end);
        const ARTICLES: [&str; 26] = [
            "der", "die", "das", "den", "dem", "des", "am", "im", "vom", "zum", "beim", "zur", "ein", "eine", "einen",
            "einem", "einer", "ihr", "ihre", "ihrem", "sein", "seine", "seinem", "dieser", "jeder", "jedem",
        ];
        let article = ARTICLES.contains(&self.previous_word(self.at).to_lowercase().as_str());
        let word = self.char(next);
        let counts = self.month(next).is_some()
            || word.is_some_and(char::is_lowercase)
            || article && word.is_some_and(char::is_uppercase);
        if counts {
            let words = self.german_ordinal(value);
            self.say(&words, end);
        }
        counts
    }

    /// "the 1990s", "the 90s".
    fn decade(&mut self, numeral: &Numeral) -> bool {
        let at = numeral.end + usize::from(self.char(numeral.end) == Some('\''));
        let tens = numeral.plain() && numeral.whole.ends_with('0') && matches!(numeral.whole.len(), 2 | 4);
        if self.lang != Lang::En || !tens || self.char(at) != Some('s') || !self.ends(at + 1) {
            return false;
        }
        let words = self.bare(&numeral.whole);
        let words = match words.strip_suffix('y') {
            Some(stem) => format!("{stem}ies"),
            None => format!("{words}s"),
        };
        self.say(&words, at + 1);
        true
    }

    fn percentage(&mut self, numeral: &Numeral) -> bool {
        let at = self.skip_blank(numeral.end);
        let word = match self.char(at) {
            Some('%') => self.known.signs.percent,
            Some('‰') => self.known.signs.per_mille,
            _ => return false,
        };
        let words = format!(
            "{} {word}",
            numeral.words(
                self.known,
                if self.lang == Lang::De {
                    Form::Of(Gender::Masc)
                } else {
                    Form::Alone
                }
            )
        );
        self.say(&words, at + 1);
        // "100%ig"
        if self.lang == Lang::De && self.char(at + 1).is_some_and(char::is_lowercase) {
            self.join();
        }
        true
    }

    fn unit(&mut self, numeral: &Numeral) -> bool {
        let at = self.skip_blank(numeral.end);
        let fits = |sign: &str| {
            let end = at + sign.chars().count();
            let letter = sign.ends_with(char::is_alphabetic);
            // "5 l'eau" is no litre; "90.5 m.p.h." no metre.
            let open = self.char(end) == Some('\'')
                || self.char(end) == Some('.') && self.char(end + 1).is_some_and(char::is_alphabetic);
            self.stands(sign, at) && (!(letter || sign.ends_with(['²', '³'])) || self.ends(end) && !open)
        };
        let Some((sign, noun)) = self
            .known
            .units
            .iter()
            .filter(|(sign, _)| fits(sign))
            .max_by_key(|(sign, _)| sign.len())
        else {
            return false;
        };
        let end = at + sign.chars().count();
        let dot = sign.ends_with('.') && self.skip_blanks(end) == self.text.len();
        let words = self.counted(numeral, noun);
        self.say(&words, end);
        if dot {
            self.mark('.');
        }
        true
    }

    /// "12 May", "May 12", "1er mai", "1 de mayo".
    fn day_of_month(&mut self, numeral: &Numeral) -> bool {
        let Some(day) = numeral
            .value()
            .filter(|day| numeral.plain() && (1..=31).contains(day) && numeral.whole.len() <= 2)
        else {
            return false;
        };
        let end = numeral.end;
        if self.lang == Lang::En && self.after_month() && self.ends(end) {
            let words = self.day(day);
            self.say(&words, end);
            return true;
        }
        let mut at = self.skip_blanks(end);
        if matches!(self.lang, Lang::Es | Lang::Pt) && self.stands("de ", at) {
            at += 3;
        }
        let Some((month, after)) = self.month(at).filter(|_| at > end && self.lang != Lang::De) else {
            return false;
        };
        let words = match self.lang {
            Lang::En => {
                let the = if self.previous_word(self.at).eq_ignore_ascii_case("the") {
                    ""
                } else {
                    "the "
                };
                format!("{the}{} of {month}", self.day(day))
            }
            Lang::Es | Lang::Pt => format!("{} de {month}", self.day(day)),
            _ => format!("{} {month}", self.day(day)),
        };
        self.say(&words, after);
        true
    }

    fn cardinal(&mut self, numeral: &Numeral) -> bool {
        let value = numeral.value();
        let year = value
            .filter(|_| numeral.plain() && numeral.whole.len() == 4)
            .and_then(self.known.year);
        let (next, _) = self.next_word(numeral.end);
        let form = value.map_or(Form::Alone, |value| self.form_before(value, &next));
        // America's emergency call.
        let year = year.or_else(|| {
            (self.lang == Lang::En && numeral.whole == "911" && numeral.plain())
                .then(|| numeral::spelled("911", self.known))
        });
        let words = year.unwrap_or_else(|| numeral.words(self.known, form));
        self.say(&words, numeral.end);
        // "20jährig", "90er".
        if self.lang == Lang::De && self.char(numeral.end).is_some_and(char::is_lowercase) {
            self.join();
        }
        true
    }

    /// How a number is said before `word`, by what the word looks like.
    pub(super) fn form_before(&self, value: u64, word: &str) -> Form {
        let small = word.to_lowercase();
        let plural = |end: &str| {
            small
                .strip_suffix(end)
                .is_some_and(|one| self.known.odd_nouns.contains(&one))
        };
        let odd = self.known.odd_nouns.contains(&word) || ["", "s", "es"].into_iter().any(plural);
        if word.is_empty() || FUNCTION.contains(&small.as_str()) {
            return Form::Alone;
        }
        if self.lang == Lang::It && value == 1 {
            let mut letters = small.chars();
            let (first, second) = (letters.next().unwrap_or(' '), letters.next().unwrap_or(' '));
            let vowel = |c| "aeiouèàé".contains(c);
            let hard =
                first == 'z' || first == 's' && !vowel(second) || matches!((first, second), ('g', 'n') | ('p', 's'));
            // "uno studente", and "un'ora" as it sounds.
            return match feminine_looks(&small) {
                _ if vowel(first) => Form::Of(Gender::Masc),
                false if hard => Form::Alone,
                looks if looks != odd => Form::Of(Gender::Fem),
                _ => Form::Of(Gender::Masc),
            };
        }
        let feminine = match self.lang {
            Lang::Es | Lang::Pt => feminine_looks(&small) || small.ends_with("as"),
            Lang::It => return Form::Alone,
            Lang::De => {
                let ends = ["e", "ung", "heit", "keit", "schaft", "ion", "tät"];
                ends.iter().any(|end| small.ends_with(end))
            }
            Lang::Fr => false,
            Lang::En | Lang::Nl => return Form::Alone,
        };
        let counts = match self.lang {
            Lang::Es => value == 1 || small.ends_with('s'),
            Lang::De => value == 1 && word.starts_with(char::is_uppercase),
            _ => true,
        };
        match (counts, feminine != odd) {
            (false, _) => Form::Alone,
            (true, true) => Form::Of(Gender::Fem),
            (true, false) => Form::Of(Gender::Masc),
        }
    }
}

fn feminine_looks(word: &str) -> bool {
    word.ends_with('a')
}
