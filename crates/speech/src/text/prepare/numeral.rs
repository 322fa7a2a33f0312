//! A number as it is written: its digits, without what groups them.

use super::super::lang::{Form, LIMIT, Language};
use super::clean::NBSP;

/// Digits before and after the decimal mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Numeral {
    pub(super) whole: String,
    pub(super) fraction: Option<String>,
    /// Whether something separated its thousands.
    pub(super) grouped: bool,
    /// The decimal mark.
    pub(super) mark: char,
    /// Position after it.
    pub(super) end: usize,
}

/// Position after the digits at `at`.
pub(super) fn digits(text: &[char], at: usize) -> usize {
    text[at.min(text.len())..]
        .iter()
        .position(|c| !c.is_ascii_digit())
        .map_or(text.len(), |len| at + len)
}

/// The number that starts at `at` with a digit.
pub(super) fn read(text: &[char], at: usize, known: &Language) -> Numeral {
    let first = digits(text, at);
    let mut whole: String = text[at..first].iter().collect();
    let mut end = first;
    let mut grouped = false;
    if (1..=3).contains(&whole.len())
        && !whole.starts_with('0')
        && let Some(sign) = text.get(first).copied()
    {
        let triple = |at: usize| text.get(at) == Some(&sign) && digits(text, at + 1) == at + 4;
        let mut groups = 0;
        while triple(first + groups * 4) {
            groups += 1;
        }
        // The other language's mark groups only where it cannot be a decimal mark.
        let may = match sign {
            _ if sign == known.thousands => true,
            '.' | ',' => groups >= 2,
            ' ' => known.blank_thousands,
            NBSP | '\'' => true,
            _ => false,
        };
        if may && groups > 0 {
            end = first + groups * 4;
            whole.extend(text[first..end].iter().filter(|c| c.is_ascii_digit()));
            grouped = true;
        }
    }
    let mark = text.get(end).copied().filter(|c| matches!(c, '.' | ','));
    let fraction_end = digits(text, end + 1);
    let fraction = mark
        .filter(|_| fraction_end > end + 1)
        .map(|_| text[end + 1..fraction_end].iter().collect());
    if fraction.is_some() {
        end = fraction_end;
    }
    Numeral {
        whole,
        fraction,
        grouped,
        mark: mark.unwrap_or('.'),
        end,
    }
}

impl Numeral {
    /// Its whole part, where it is said as a number and not digit by digit.
    pub(super) fn value(&self) -> Option<u64> {
        // Ten digits in a row are a telephone or account number.
        let long = !self.grouped && self.whole.len() >= 10;
        let zeros = self.whole.len() > 1 && self.whole.starts_with('0');
        let value = self.whole.parse().ok().filter(|value| *value < LIMIT);
        value.filter(|_| !long && !zeros)
    }

    /// Whether it is written as a year may be.
    pub(super) fn plain(&self) -> bool {
        !self.grouped && self.fraction.is_none()
    }

    /// Its words before what `form` says.
    pub(super) fn words(&self, known: &Language, form: Form) -> String {
        let whole = match self.value() {
            Some(value) => (known.cardinal)(value, if self.fraction.is_some() { Form::Alone } else { form }),
            None => spelled(&self.whole, known),
        };
        let Some(fraction) = &self.fraction else { return whole };
        let mark = if self.mark == '.' && known.signs.comma == "coma" {
            known.signs.point
        } else {
            known.signs.comma
        };
        let number = fraction
            .parse()
            .ok()
            .filter(|_| known.decimals_as_number && fraction.len() <= 2 && !fraction.starts_with('0'));
        let fraction = match number {
            Some(number) => (known.cardinal)(number, Form::Alone),
            None => spelled(fraction, known),
        };
        format!("{whole} {mark} {fraction}")
    }
}

/// Digit by digit.
pub(super) fn spelled(digits: &str, known: &Language) -> String {
    let each = digits
        .chars()
        .filter_map(|c| c.to_digit(10))
        .map(|digit| (known.cardinal)(digit.into(), Form::Alone));
    each.collect::<Vec<_>>().join(" ")
}

/// A short number as one, a longer one or one with a leading zero digit by digit.
pub(super) fn short(digits: &str, known: &Language) -> String {
    let value = digits
        .parse()
        .ok()
        .filter(|_| digits.len() <= 4 && (digits.len() == 1 || !digits.starts_with('0')));
    value.map_or_else(|| spelled(digits, known), |value| (known.cardinal)(value, Form::Alone))
}
