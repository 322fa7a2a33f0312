//! German.

use super::{
    Form, Gender, Language,
    Place::{Any, Digit, Last, Name},
    Signs, f, groups, m,
};

const SMALL: [&str; 20] = [
    "null",
    "ein",
    "zwei",
    "drei",
    "vier",
    "fünf",
    "sechs",
    "sieben",
    "acht",
    "neun",
    "zehn",
    "elf",
    "zwölf",
    "dreizehn",
    "vierzehn",
    "fünfzehn",
    "sechzehn",
    "siebzehn",
    "achtzehn",
    "neunzehn",
];
const TENS: [&str; 10] = [
    "", "", "zwanzig", "dreißig", "vierzig", "fünfzig", "sechzig", "siebzig", "achtzig", "neunzig",
];
const SCALES: [(&str, &str); 3] = [
    ("Million", "Millionen"),
    ("Milliarde", "Milliarden"),
    ("Billion", "Billionen"),
];

fn below_100(n: u64) -> String {
    match (n, n % 10) {
        (0, _) => String::new(),
        (..20, _) => SMALL[n as usize].into(),
        (_, 0) => TENS[n as usize / 10].into(),
        (_, unit) => format!("{}und{}", SMALL[unit as usize], TENS[n as usize / 10]),
    }
}

/// The stem of a number below a million; a final one is "ein". Nothing for 0.
fn stem(n: u64) -> String {
    let mut said = String::new();
    if n >= 1000 {
        said = stem(n / 1000) + "tausend";
    }
    let hundreds = n / 100 % 10;
    if hundreds > 0 {
        said = said + SMALL[hundreds as usize] + "hundert";
    }
    said + &below_100(n % 100)
}

fn ends_in_one(n: u64) -> bool {
    n % 100 == 1
}

fn cardinal(n: u64, form: Form) -> String {
    if n == 0 {
        return SMALL[0].into();
    }
    let mut said: Vec<String> = groups(n)
        .filter(|(_, power)| *power >= 2)
        .map(|(group, power)| {
            let (one, many) = SCALES[power - 2];
            match group {
                1 => format!("eine {one}"),
                _ if ends_in_one(group) => format!("{}s {many}", stem(group)),
                _ => format!("{} {many}", stem(group)),
            }
        })
        .collect();
    let rest = n % 1_000_000;
    if rest > 0 {
        let end = match form {
            _ if !ends_in_one(rest) => "",
            Form::Of(Gender::Masc) if n == 1 => "",
            Form::Of(Gender::Fem) if n == 1 => "e",
            _ => "s",
        };
        said.push(stem(rest) + end);
    }
    said.join(" ")
}

fn ordinal(n: u64, _: Gender) -> String {
    if n == 0 {
        return "nullte".into();
    }
    let mut said: String = groups(n)
        .filter(|(_, power)| *power >= 2)
        .map(|(group, power)| stem(group) + &SCALES[power - 2].0.to_lowercase())
        .collect();
    let high = n % 1_000_000 / 100 * 100;
    said += &stem(high);
    said += &match n % 100 {
        0 => "ste".into(),
        1 => "erste".into(),
        3 => "dritte".into(),
        7 => "siebte".into(),
        8 => "achte".into(),
        low @ 1..20 => below_100(low) + "te",
        low => below_100(low) + "ste",
    };
    match n {
        100 | 1000 => said.replacen("ein", "", 1),
        _ => said.replace("milliardeste", "milliardste"),
    }
}

/// "neunzehnhundertneunundneunzig".
fn year(n: u64) -> Option<String> {
    let (century, rest) = (n / 100, n % 100);
    (1100..2000).contains(&n).then(|| {
        let one = if ends_in_one(rest) { "s" } else { "" };
        format!("{}hundert{}{one}", below_100(century), below_100(rest))
    })
}

pub(super) static LANGUAGE: Language = Language {
    cardinal,
    ordinal,
    year,
    thousands: '.',
    blank_thousands: true,
    decimals_as_number: false,
    signs: Signs {
        minus: "minus",
        plus: "plus",
        equals: "gleich",
        times: "mal",
        and: "und",
        percent: "Prozent",
        per_mille: "Promille",
        point: "Punkt",
        comma: "Komma",
        to: "bis",
        score: "zu",
        out_of: "von",
        degrees: "Grad",
        about: "etwa",
        number: "Nummer",
        section: "Paragraf",
        less: "kleiner als",
        greater: "größer als",
        fractions: ["ein halb", "ein Drittel", "zwei Drittel", "ein Viertel", "drei Viertel"],
        per: "pro",
        at: "at",
        dot: "Punkt",
        slash: "Schrägstrich",
        dash: "Bindestrich",
        underscore: "Unterstrich",
        hashtag: "Hashtag",
    },
    months: [
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ],
    currencies: [
        (m("Dollar", "Dollar"), m("Cent", "Cent")),
        (m("Euro", "Euro"), m("Cent", "Cent")),
        (m("Pfund", "Pfund"), m("Penny", "Pence")),
        (m("Yen", "Yen"), m("Sen", "Sen")),
        (m("Franken", "Franken"), m("Rappen", "Rappen")),
        (m("Real", "Real"), m("Centavo", "Centavos")),
    ],
    hundredths: (" ", false),
    scales: &[
        "tausend",
        "Tausend",
        "Mio.",
        "Mrd.",
        "Million",
        "Millionen",
        "Milliarde",
        "Milliarden",
        "Billion",
        "Billionen",
    ],
    scale_link: (" ", " "),
    units: &[
        ("km/h", m("Kilometer pro Stunde", "Kilometer pro Stunde")),
        ("m/s", m("Meter pro Sekunde", "Meter pro Sekunde")),
        ("km²", m("Quadratkilometer", "Quadratkilometer")),
        ("qkm", m("Quadratkilometer", "Quadratkilometer")),
        ("m²", m("Quadratmeter", "Quadratmeter")),
        ("qm", m("Quadratmeter", "Quadratmeter")),
        ("cm²", m("Quadratzentimeter", "Quadratzentimeter")),
        ("m³", m("Kubikmeter", "Kubikmeter")),
        ("km", m("Kilometer", "Kilometer")),
        ("cm", m("Zentimeter", "Zentimeter")),
        ("mm", m("Millimeter", "Millimeter")),
        ("m", m("Meter", "Meter")),
        ("ha", m("Hektar", "Hektar")),
        ("kg", m("Kilogramm", "Kilogramm")),
        ("mg", m("Milligramm", "Milligramm")),
        ("g", m("Gramm", "Gramm")),
        ("t", f("Tonne", "Tonnen")),
        ("ml", m("Milliliter", "Milliliter")),
        ("l", m("Liter", "Liter")),
        ("°C", m("Grad Celsius", "Grad Celsius")),
        ("°F", m("Grad Fahrenheit", "Grad Fahrenheit")),
        ("°", m("Grad", "Grad")),
        ("Std.", f("Stunde", "Stunden")),
        ("h", f("Stunde", "Stunden")),
        ("Min.", f("Minute", "Minuten")),
        ("min", f("Minute", "Minuten")),
        ("Sek.", f("Sekunde", "Sekunden")),
        ("ms", f("Millisekunde", "Millisekunden")),
        ("s", f("Sekunde", "Sekunden")),
        ("kWh", f("Kilowattstunde", "Kilowattstunden")),
        ("MWh", f("Megawattstunde", "Megawattstunden")),
        ("kW", m("Kilowatt", "Kilowatt")),
        ("MW", m("Megawatt", "Megawatt")),
        ("GW", m("Gigawatt", "Gigawatt")),
        ("W", m("Watt", "Watt")),
        ("V", m("Volt", "Volt")),
        ("Hz", m("Hertz", "Hertz")),
        ("kHz", m("Kilohertz", "Kilohertz")),
        ("MHz", m("Megahertz", "Megahertz")),
        ("GHz", m("Gigahertz", "Gigahertz")),
        ("dB", m("Dezibel", "Dezibel")),
        ("hPa", m("Hektopascal", "Hektopascal")),
        ("Mbit/s", m("Megabit pro Sekunde", "Megabit pro Sekunde")),
        ("kB", m("Kilobyte", "Kilobyte")),
        ("KB", m("Kilobyte", "Kilobyte")),
        ("MB", m("Megabyte", "Megabyte")),
        ("GB", m("Gigabyte", "Gigabyte")),
        ("TB", m("Terabyte", "Terabyte")),
        ("PS", m("PS", "PS")),
        ("kcal", f("Kilokalorie", "Kilokalorien")),
        ("Mio.", f("Million", "Millionen")),
        ("Mrd.", f("Milliarde", "Milliarden")),
    ],
    abbreviations: &[
        ("z.B.", "zum Beispiel", Any),
        ("bzw.", "beziehungsweise", Any),
        ("usw.", "und so weiter", Last),
        ("u.s.w.", "und so weiter", Last),
        ("etc.", "et cetera", Last),
        ("d.h.", "das heißt", Any),
        ("u.a.", "unter anderem", Any),
        ("v.a.", "vor allem", Any),
        ("o.ä.", "oder ähnliches", Last),
        ("u.Ä.", "und ähnliches", Last),
        ("ca.", "circa", Any),
        ("vgl.", "vergleiche", Any),
        ("evtl.", "eventuell", Any),
        ("ggf.", "gegebenenfalls", Any),
        ("inkl.", "inklusive", Any),
        ("exkl.", "exklusive", Any),
        ("zzgl.", "zuzüglich", Any),
        ("sog.", "sogenannte", Any),
        ("bspw.", "beispielsweise", Any),
        ("insb.", "insbesondere", Any),
        ("i.d.R.", "in der Regel", Any),
        ("z.T.", "zum Teil", Any),
        ("z.Z.", "zur Zeit", Any),
        ("z.Zt.", "zur Zeit", Any),
        ("u.U.", "unter Umständen", Any),
        ("Dr.", "Doktor", Any),
        ("Prof.", "Professor", Any),
        ("Hr.", "Herr", Name),
        ("Hrn.", "Herrn", Name),
        ("Fr.", "Frau", Name),
        ("Frl.", "Fräulein", Name),
        ("St.", "Sankt", Name),
        ("Str.", "Straße", Last),
        ("Nr.", "Nummer", Digit),
        ("Art.", "Artikel", Digit),
        ("Abs.", "Absatz", Digit),
        ("Bd.", "Band", Digit),
        ("S.", "Seite", Digit),
        ("Kap.", "Kapitel", Digit),
        ("Abb.", "Abbildung", Digit),
        ("Jh.", "Jahrhundert", Last),
        ("Jhd.", "Jahrhundert", Last),
        ("v.Chr.", "vor Christus", Last),
        ("n.Chr.", "nach Christus", Last),
        ("Mio.", "Millionen", Any),
        ("Mrd.", "Milliarden", Any),
        ("max.", "maximal", Any),
        ("min.", "minimal", Any),
        ("Tel.", "Telefon", Any),
        ("vs.", "gegen", Any),
        ("geb.", "geboren", Any),
        ("gest.", "gestorben", Any),
        ("Std.", "Stunden", Any),
        ("Min.", "Minuten", Any),
        ("Sek.", "Sekunden", Any),
        ("e.V.", "eingetragener Verein", Any),
        ("Abt.", "Abteilung", Any),
    ],
    odd_nouns: &[
        "Frau",
        "Person",
        "Stadt",
        "Nacht",
        "Hand",
        "Art",
        "Zahl",
        "Name",
        "Junge",
        "Kollege",
        "Ende",
        "Auge",
        "Experte",
        "Kunde",
        "Gebäude",
        "Gramme",
        "Interesse",
        "Franzose",
        "Brite",
        "Zeuge",
    ],
    centuries: &["Jahrhundert"],
};
