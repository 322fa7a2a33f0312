//! What is never said goes: markup, emoji, invisible characters. Digits of other scripts become ours.

use super::super::Lang;

/// Longest tag that is taken for one.
const TAG: usize = 80;
const TAGS: [&str; 30] = [
    "a", "b", "body", "br", "break", "c", "code", "div", "em", "emphasis", "font", "h", "html", "i", "li", "mark",
    "ol", "p", "prosody", "q", "ruby", "s", "small", "span", "speak", "strong", "sub", "sup", "u", "ul",
];
const ENTITIES: [(&str, char); 8] = [
    ("&amp;", '&'),
    ("&lt;", ' '),
    ("&gt;", ' '),
    ("&quot;", '"'),
    ("&apos;", '\''),
    ("&#39;", '\''),
    ("&nbsp;", NBSP),
    ("&shy;", '\u{ad}'),
];

/// Any blank that may stand inside a number.
pub(super) const NBSP: char = '\u{a0}';

pub(super) fn clean(text: &str, lang: Option<Lang>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if c == '<'
            && let Some(len) = tag(rest)
        {
            out.push(' ');
            rest = &rest[len..];
            continue;
        }
        if c == '&'
            && let Some((name, is)) = ENTITIES.iter().find(|(name, _)| rest.starts_with(name))
        {
            out.extend(visible(*is));
            rest = &rest[name.len()..];
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match c {
            _ if c.is_numeric() && !c.is_ascii() && lang.is_some() => number(c, &mut out),
            _ => out.extend(visible(c)),
        }
    }
    out
}

/// Bytes of the tag at the start: one with a known name, and attributes only with values.
fn tag(text: &str) -> Option<usize> {
    let end = text.char_indices().take(TAG).find(|(_, c)| *c == '>')?.0;
    let inside = text[1..end].trim_matches('/').trim();
    let (name, attributes) = inside.split_once(char::is_whitespace).unwrap_or((inside, ""));
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit()).to_ascii_lowercase();
    let known = TAGS.contains(&name.as_str()) && !inside.contains('<');
    (known && (attributes.trim().is_empty() || attributes.contains('='))).then_some(end + 1)
}

/// The character, a blank for it, or nothing.
fn visible(c: char) -> Option<char> {
    match c {
        // Soft hyphen, joiners, directions, variation selectors, the mark of a keycap, tags.
        '\u{ad}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{20e3}'
        | '\u{e0000}'..='\u{e007f}' => None,
        '\u{a0}' | '\u{2007}' | '\u{2009}' | '\u{202f}' => Some(NBSP),
        _ if c.is_whitespace() || c.is_control() => Some(' '),
        '\u{2018}' | '\u{2019}' | '\u{02bc}' => Some('\''),
        // Arrows, technical signs, shapes, dingbats, music, emoji; copyright and trade marks.
        '\u{2190}'..='\u{21ff}'
        | '\u{2300}'..='\u{23ff}'
        | '\u{25a0}'..='\u{27bf}'
        | '\u{2900}'..='\u{297f}'
        | '\u{2b00}'..='\u{2bff}'
        | '\u{1f000}'..='\u{1faff}'
        | '\u{1d100}'..='\u{1d1ff}'
        | '©'
        | '®'
        | '™'
        | '\u{fffd}' => Some(' '),
        _ => Some(c),
    }
}

/// First digit of scripts that have their own.
const ZEROS: [u32; 19] = [
    0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xe50, 0xed0, 0xf20, 0x1040,
    0x17e0, 0x1810, 0xff10,
];
const ROMAN: [&str; 12] = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"];

/// Writes what a numeric character stands for in ASCII; a blank for one that is not known.
fn number(c: char, out: &mut String) {
    let code = u32::from(c);
    if let Some(zero) = ZEROS.iter().find(|zero| (**zero..**zero + 10).contains(&code)) {
        out.extend(char::from_digit(code - zero, 10));
        return;
    }
    match c {
        // Squared and cubed belong to units; elsewhere a superscript is a number beside its word.
        '²' | '³' if out.ends_with('m') => out.push(if c == '²' { '2' } else { '3' }),
        '¹' | '²' | '³' => {
            out.push(' ');
            out.push(match c {
                '¹' => '1',
                '²' => '2',
                _ => '3',
            });
        }
        '⁰' | '⁴'..='⁹' => out.extend([Some(' '), char::from_digit(code - 0x2070, 10)].into_iter().flatten()),
        '₀'..='₉' => out.extend(char::from_digit(code - 0x2080, 10)),
        '½' | '¼' | '¾' if out.ends_with(|c: char| c.is_ascii_digit()) => out.push_str(match c {
            '½' => ".5",
            '¼' => ".25",
            _ => ".75",
        }),
        '½' => out.push_str(" 1/2"),
        '¼' => out.push_str(" 1/4"),
        '¾' => out.push_str(" 3/4"),
        '⅓' => out.push_str(" 1/3"),
        '⅔' => out.push_str(" 2/3"),
        '①'..='⑳' => out.push_str(&format!(" {} ", code - 0x245f)),
        'Ⅰ'..='Ⅻ' => out.push_str(ROMAN[(code - 0x2160) as usize]),
        'ⅰ'..='ⅻ' => out.push_str(ROMAN[(code - 0x2170) as usize]),
        '\u{1d7ce}'..='\u{1d7ff}' => out.extend(char::from_digit((code - 0x1d7ce) % 10, 10)),
        _ => out.push(' '),
    }
}
