//! Roman numbers, where nothing else can be meant: rulers, centuries, world wars, parts of a work.

use super::super::Lang;
use super::super::lang::{Form, Gender};
use super::scan::Scan;

const KINGS: [&str; 74] = [
    "Albert",
    "Alberto",
    "Alexander",
    "Alejandro",
    "Alessandro",
    "Alexandre",
    "Alfonso",
    "Afonso",
    "Amedeo",
    "Benedict",
    "Benedicto",
    "Benedikt",
    "Benedetto",
    "Bento",
    "Carlo",
    "Carlos",
    "Charles",
    "Christian",
    "Clemens",
    "Clément",
    "Eduard",
    "Eduardo",
    "Edward",
    "Emanuele",
    "Enrico",
    "Enrique",
    "Felipe",
    "Ferdinand",
    "Fernando",
    "Filippo",
    "Francesco",
    "Francis",
    "Francisco",
    "François",
    "Franz",
    "Friedrich",
    "Georg",
    "George",
    "Giacomo",
    "Giovanni",
    "Gregor",
    "Guglielmo",
    "Guillaume",
    "Gustav",
    "Heinrich",
    "Hendrik",
    "Henri",
    "Henrique",
    "Henry",
    "Jacques",
    "Jaime",
    "James",
    "Jean",
    "João",
    "Juan",
    "Karl",
    "Leo",
    "León",
    "Leopold",
    "Lodewijk",
    "Louis",
    "Ludwig",
    "Luigi",
    "Luís",
    "Napoleon",
    "Napoléon",
    "Otto",
    "Paul",
    "Pedro",
    "Philipp",
    "Philippe",
    "Pius",
    "Wilhelm",
    "Willem",
];
const MORE_KINGS: [&str; 12] = [
    "Pablo", "Paolo", "Paulo", "Philip", "Pie", "Pio", "Pío", "Richard", "Umberto", "William", "Vittorio", "Luis",
];
const QUEENS: [&str; 12] = [
    "Catalina",
    "Caterina",
    "Catherine",
    "Elisabeth",
    "Elisabetta",
    "Elizabeth",
    "Élisabeth",
    "Isabel",
    "Katharina",
    "Margrethe",
    "Maria",
    "Mary",
];
const PARTS: [&str; 30] = [
    "act",
    "acte",
    "acto",
    "ato",
    "atto",
    "akt",
    "band",
    "capitolo",
    "capítulo",
    "chapter",
    "chapitre",
    "deel",
    "division",
    "fase",
    "hoofdstuk",
    "kapitel",
    "level",
    "parte",
    "part",
    "partie",
    "phase",
    "stage",
    "teil",
    "tipo",
    "titre",
    "tome",
    "tomo",
    "type",
    "typ",
    "volume",
];

/// Value of a Roman number up to 39, written as it should be.
fn value(text: &str) -> Option<u64> {
    const UNITS: [&str; 10] = ["", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX"];
    let units = text.trim_start_matches('X');
    let tens = text.len() - units.len();
    let unit = UNITS.iter().position(|unit| *unit == units)?;
    // "IX" lost nothing to the trim, since it starts with I.
    (tens <= 3 && !text.is_empty()).then_some(tens as u64 * 10 + unit as u64)
}

impl Scan {
    pub(super) fn roman(&mut self) -> bool {
        let run: String = self.text[self.at..]
            .iter()
            .take(8)
            .take_while(|c| matches!(c, 'I' | 'V' | 'X'))
            .collect();
        let Some(value) = value(&run) else { return false };
        let end = self.at + run.len();
        if self.lang == Lang::Fr && self.french_ordinal(value, end) {
            return true;
        }
        if !self.ends(end) {
            return false;
        }
        let (before, far) = self.previous_words(self.at);
        let small = before.to_lowercase();
        let (next, _) = self.next_word(end);
        let next = next.to_lowercase();
        let known = self.known;
        let cardinal = || (known.cardinal)(value, Form::Alone);
        let ordinal = |gender| (known.ordinal)(value, gender);
        let king = KINGS.contains(&before.as_str()) || MORE_KINGS.contains(&before.as_str());
        let queen = QUEENS.contains(&before.as_str());
        // "Charles I think" and "part I know" are more likely than the first Charles.
        let pronoun = self.lang == Lang::En && run == "I";
        let (words, end) = match () {
            () if (king || queen) && !pronoun => self.ruler(value, queen, end),
            () if known.centuries.contains(&small.as_str()) => match self.lang {
                Lang::Es | Lang::Pt if value <= 10 => (ordinal(Gender::Masc), end),
                _ => (cardinal(), end),
            },
            () if known.centuries.contains(&next.as_str()) => (ordinal(Gender::Masc), end),
            () if next == "guerra" && value <= 3 => (ordinal(Gender::Fem), end),
            () if small == "war" => (cardinal(), end),
            () if PARTS.contains(&small.as_str()) && !pronoun => (cardinal(), end),
            // "siglos XIX y XX"
            () if matches!(small.as_str(), "y" | "e" | "et" | "und" | "en" | "and")
                && run.len() > 1
                && self::value(&far).is_some() =>
            {
                (cardinal(), end)
            }
            () => return false,
        };
        self.say(&words, end);
        true
    }

    /// "XXIe siècle", "IIe République".
    fn french_ordinal(&mut self, value: u64, end: usize) -> bool {
        let suffixes = [
            ("ème", Gender::Masc),
            ("ère", Gender::Fem),
            ("er", Gender::Masc),
            ("re", Gender::Fem),
            ("e", Gender::Masc),
        ];
        let found = suffixes
            .iter()
            .find(|(suffix, _)| self.stands(suffix, end) && self.ends(end + suffix.chars().count()));
        let Some((suffix, gender)) = found else { return false };
        let words = (self.known.ordinal)(value, *gender);
        self.say(&words, end + suffix.chars().count());
        true
    }

    fn ruler(&self, value: u64, queen: bool, end: usize) -> (String, usize) {
        let gender = if queen { Gender::Fem } else { Gender::Masc };
        let ordinal = (self.known.ordinal)(value, gender);
        match self.lang {
            Lang::En => (format!("the {ordinal}"), end),
            Lang::De => {
                let article = if queen { "die" } else { "der" };
                // The dot of "Ludwig XIV." goes, unless it ends the text.
                let dot = self.char(end) == Some('.') && self.skip_blanks(end + 1) < self.text.len();
                (
                    format!("{article} {}", super::casing::capital(&ordinal)),
                    end + usize::from(dot),
                )
            }
            Lang::Nl => (format!("de {}", super::casing::capital(&ordinal)), end),
            Lang::It => (ordinal, end),
            Lang::Fr if value == 1 => (ordinal, end),
            Lang::Es | Lang::Pt if value <= 10 => (ordinal, end),
            Lang::Fr | Lang::Es | Lang::Pt => ((self.known.cardinal)(value, Form::Alone), end),
        }
    }
}
