//! Italian.

use super::{
    Form, Gender, Language,
    Place::{Any, Digit, Last, Name},
    Signs, f, groups, m,
};

const SMALL: [&str; 20] = [
    "zero",
    "uno",
    "due",
    "tre",
    "quattro",
    "cinque",
    "sei",
    "sette",
    "otto",
    "nove",
    "dieci",
    "undici",
    "dodici",
    "tredici",
    "quattordici",
    "quindici",
    "sedici",
    "diciassette",
    "diciotto",
    "diciannove",
];
const TENS: [&str; 10] = [
    "",
    "",
    "venti",
    "trenta",
    "quaranta",
    "cinquanta",
    "sessanta",
    "settanta",
    "ottanta",
    "novanta",
];

fn below_100(n: u64) -> String {
    let tens = TENS[n as usize / 10];
    match (n, n % 10) {
        (0, _) => String::new(),
        (..20, _) => SMALL[n as usize].into(),
        (_, 0) => tens.into(),
        (_, unit @ (1 | 8)) => format!("{}{}", &tens[..tens.len() - 1], SMALL[unit as usize]),
        (_, unit) => format!("{tens}{}", SMALL[unit as usize]),
    }
}

fn below_1000(n: u64) -> String {
    let hundreds = match n / 100 {
        0 => String::new(),
        1 => "cento".into(),
        hundreds => format!("{}cento", SMALL[hundreds as usize]),
    };
    // "centotto", "centottanta".
    match n % 100 {
        8 | 80..90 if n >= 100 => format!("{}{}", &hundreds[..hundreds.len() - 1], below_100(n % 100)),
        rest => hundreds + &below_100(rest),
    }
}

fn below_million(n: u64) -> String {
    let thousands = match n / 1000 {
        0 => String::new(),
        1 => "mille".into(),
        thousands => below_1000(thousands) + "mila",
    };
    thousands + &below_1000(n % 1000)
}

fn cardinal(n: u64, form: Form) -> String {
    match (n, form) {
        (0, _) => return SMALL[0].into(),
        (1, Form::Of(Gender::Masc)) => return "un".into(),
        (1, Form::Of(Gender::Fem)) => return "una".into(),
        _ => {}
    }
    let scales = [("milione", "milioni"), ("miliardo", "miliardi"), ("bilione", "bilioni")];
    let mut said: Vec<String> = groups(n)
        .filter(|(_, power)| *power >= 2)
        .map(|(group, power)| match (group, scales[power - 2]) {
            (1, (one, _)) => format!("un {one}"),
            (_, (_, many)) => format!("{} {many}", accented(below_1000(group))),
        })
        .collect();
    let rest = n % 1_000_000;
    if rest > 0 {
        said.push(accented(below_million(rest)));
    }
    said.join(" ")
}

/// A final "tre" of a longer word is stressed.
fn accented(said: String) -> String {
    match said.strip_suffix("tre") {
        Some(front) if !front.is_empty() => format!("{front}tré"),
        _ => said,
    }
}

fn ordinal(n: u64, gender: Gender) -> String {
    const FIRST: [&str; 11] = [
        "", "primo", "secondo", "terzo", "quarto", "quinto", "sesto", "settimo", "ottavo", "nono", "decimo",
    ];
    let said = match n {
        0 => "zeresimo".into(),
        1..=10 => FIRST[n as usize].to_owned(),
        _ => {
            let said = cardinal(n, Form::Alone);
            let plain = said.replace("tré", "tre");
            let stem = match () {
                () if plain.ends_with("tre") || plain.ends_with("sei") && !plain.ends_with("dodicisei") => plain,
                () if plain.ends_with("mila") => format!("{}mill", &plain[..plain.len() - 4]),
                () => plain[..plain.len() - 1].to_owned(),
            };
            format!("{stem}esimo").replace("un milionesimo", "milionesimo")
        }
    };
    match gender {
        Gender::Masc => said,
        Gender::Fem => format!("{}a", &said[..said.len() - 1]),
    }
}

pub(super) static LANGUAGE: Language = Language {
    cardinal,
    ordinal,
    year: |_| None,
    thousands: '.',
    blank_thousands: true,
    decimals_as_number: true,
    signs: Signs {
        minus: "meno",
        plus: "più",
        equals: "uguale",
        times: "per",
        and: "e",
        percent: "per cento",
        per_mille: "per mille",
        point: "punto",
        comma: "virgola",
        to: "a",
        score: "a",
        out_of: "su",
        degrees: "gradi",
        about: "circa",
        number: "numero",
        section: "paragrafo",
        less: "minore di",
        greater: "maggiore di",
        fractions: ["mezzo", "un terzo", "due terzi", "un quarto", "tre quarti"],
        per: "al",
        at: "chiocciola",
        dot: "punto",
        slash: "barra",
        dash: "trattino",
        underscore: "trattino basso",
        hashtag: "hashtag",
    },
    months: [
        "gennaio",
        "febbraio",
        "marzo",
        "aprile",
        "maggio",
        "giugno",
        "luglio",
        "agosto",
        "settembre",
        "ottobre",
        "novembre",
        "dicembre",
    ],
    currencies: [
        (m("dollaro", "dollari"), m("centesimo", "centesimi")),
        (m("euro", "euro"), m("centesimo", "centesimi")),
        (f("sterlina", "sterline"), m("penny", "pence")),
        (m("yen", "yen"), m("sen", "sen")),
        (m("franco", "franchi"), m("centesimo", "centesimi")),
        (m("real", "real"), m("centavo", "centavos")),
    ],
    hundredths: (" e ", false),
    scales: &[
        "mila", "milione", "milioni", "miliardo", "miliardi", "bilione", "bilioni",
    ],
    scale_link: (" di ", " di "),
    units: &[
        ("km/h", m("chilometro orario", "chilometri orari")),
        ("m/s", m("metro al secondo", "metri al secondo")),
        ("km²", m("chilometro quadrato", "chilometri quadrati")),
        ("m²", m("metro quadrato", "metri quadrati")),
        ("mq", m("metro quadrato", "metri quadrati")),
        ("cm²", m("centimetro quadrato", "centimetri quadrati")),
        ("m³", m("metro cubo", "metri cubi")),
        ("km", m("chilometro", "chilometri")),
        ("cm", m("centimetro", "centimetri")),
        ("mm", m("millimetro", "millimetri")),
        ("m", m("metro", "metri")),
        ("ha", m("ettaro", "ettari")),
        ("kg", m("chilo", "chili")),
        ("mg", m("milligrammo", "milligrammi")),
        ("g", m("grammo", "grammi")),
        ("t", f("tonnellata", "tonnellate")),
        ("ml", m("millilitro", "millilitri")),
        ("l", m("litro", "litri")),
        ("°C", m("grado Celsius", "gradi Celsius")),
        ("°F", m("grado Fahrenheit", "gradi Fahrenheit")),
        ("°", m("grado", "gradi")),
        ("h", f("ora", "ore")),
        ("min", m("minuto", "minuti")),
        ("ms", m("millisecondo", "millisecondi")),
        ("s", m("secondo", "secondi")),
        ("kWh", m("chilowattora", "chilowattora")),
        ("MWh", m("megawattora", "megawattora")),
        ("kW", m("chilowatt", "chilowatt")),
        ("MW", m("megawatt", "megawatt")),
        ("GW", m("gigawatt", "gigawatt")),
        ("W", m("watt", "watt")),
        ("V", m("volt", "volt")),
        ("Hz", m("hertz", "hertz")),
        ("kHz", m("chilohertz", "chilohertz")),
        ("MHz", m("megahertz", "megahertz")),
        ("GHz", m("gigahertz", "gigahertz")),
        ("dB", m("decibel", "decibel")),
        ("hPa", m("ettopascal", "ettopascal")),
        ("Mbit/s", m("megabit al secondo", "megabit al secondo")),
        ("kB", m("kilobyte", "kilobyte")),
        ("KB", m("kilobyte", "kilobyte")),
        ("MB", m("megabyte", "megabyte")),
        ("GB", m("gigabyte", "gigabyte")),
        ("TB", m("terabyte", "terabyte")),
        ("CV", m("cavallo", "cavalli")),
        ("kcal", f("chilocaloria", "chilocalorie")),
        ("mln", m("milione", "milioni")),
        ("mld", m("miliardo", "miliardi")),
    ],
    abbreviations: &[
        ("Sig.", "signor", Any),
        ("sig.", "signor", Any),
        ("Sig.ra", "signora", Any),
        ("sig.ra", "signora", Any),
        ("Sigg.", "signori", Any),
        ("Sig.na", "signorina", Any),
        ("Dott.", "dottor", Any),
        ("dott.", "dottor", Any),
        ("Dott.ssa", "dottoressa", Any),
        ("dott.ssa", "dottoressa", Any),
        ("Dr.", "dottor", Any),
        ("Prof.", "professor", Any),
        ("prof.", "professor", Any),
        ("Prof.ssa", "professoressa", Any),
        ("prof.ssa", "professoressa", Any),
        ("Ing.", "ingegner", Any),
        ("ing.", "ingegner", Any),
        ("Avv.", "avvocato", Any),
        ("avv.", "avvocato", Any),
        ("On.", "onorevole", Name),
        ("on.", "onorevole", Name),
        ("Gen.", "generale", Name),
        ("Mons.", "monsignor", Any),
        ("ecc.", "eccetera", Last),
        ("etc.", "eccetera", Last),
        ("p. es.", "per esempio", Any),
        ("ad es.", "ad esempio", Any),
        ("es.", "esempio", Any),
        ("cfr.", "confronta", Any),
        ("ca.", "circa", Any),
        ("a.C.", "avanti Cristo", Last),
        ("d.C.", "dopo Cristo", Last),
        ("n.", "numero", Digit),
        ("n°", "numero", Digit),
        ("N°", "numero", Digit),
        ("nº", "numero", Digit),
        ("pag.", "pagina", Any),
        ("pagg.", "pagine", Any),
        ("vol.", "volume", Digit),
        ("art.", "articolo", Digit),
        ("tel.", "telefono", Any),
        ("Tel.", "telefono", Any),
        ("vs.", "contro", Any),
        ("V.le", "viale", Any),
        ("P.za", "piazza", Any),
        ("max.", "massimo", Any),
        ("S.p.A.", "SpA", Last),
        ("S.r.l.", "Srl", Last),
    ],
    odd_nouns: &[
        "mano",
        "notte",
        "città",
        "parte",
        "problema",
        "programma",
        "sistema",
        "tema",
        "atleta",
    ],
    centuries: &["secolo", "secoli"],
};
