//! Dutch.

use super::{
    Form, Gender, Language,
    Place::{Any, Digit, Last, Name},
    Signs, groups, m,
};

const SMALL: [&str; 20] = [
    "nul",
    "één",
    "twee",
    "drie",
    "vier",
    "vijf",
    "zes",
    "zeven",
    "acht",
    "negen",
    "tien",
    "elf",
    "twaalf",
    "dertien",
    "veertien",
    "vijftien",
    "zestien",
    "zeventien",
    "achttien",
    "negentien",
];
const TENS: [&str; 10] = [
    "", "", "twintig", "dertig", "veertig", "vijftig", "zestig", "zeventig", "tachtig", "negentig",
];

fn below_100(n: u64) -> String {
    match (n, n % 10) {
        (0, _) => String::new(),
        (..20, _) => SMALL[n as usize].into(),
        (_, 0) => TENS[n as usize / 10].into(),
        (_, 1) => format!("eenen{}", TENS[n as usize / 10]),
        (_, unit @ (2 | 3)) => format!("{}ën{}", SMALL[unit as usize], TENS[n as usize / 10]),
        (_, unit) => format!("{}en{}", SMALL[unit as usize], TENS[n as usize / 10]),
    }
}

fn below_1000(n: u64) -> String {
    match n / 100 {
        0 => below_100(n),
        1 => "honderd".to_owned() + &below_100(n % 100),
        hundreds => format!("{}honderd{}", SMALL[hundreds as usize], below_100(n % 100)),
    }
}

/// Words of the groups; one blank after "duizend" and around the larger ones, as the spelling rules have it.
fn words(n: u64) -> Vec<String> {
    groups(n)
        .map(|(group, power)| match (power, group) {
            (0, _) => below_1000(group),
            (1, 1) => "duizend".into(),
            (1, _) => below_1000(group) + "duizend",
            (_, 1) => format!("een {}", ["miljoen", "miljard", "biljoen"][power - 2]),
            _ => format!("{} {}", below_1000(group), ["miljoen", "miljard", "biljoen"][power - 2]),
        })
        .collect()
}

fn cardinal(n: u64, _: Form) -> String {
    if n == 0 { SMALL[0].into() } else { words(n).join(" ") }
}

fn ordinal(n: u64, _: Gender) -> String {
    let said = cardinal(n, Form::Alone);
    let cut = |end: &str, new: &str| format!("{}{new}", &said[..said.len() - end.len()]);
    match n % 100 {
        1 => cut("één", "eerste"),
        3 => cut("drie", "derde"),
        0 if n > 0 => said + "ste",
        8 => said + "ste",
        0..20 => said + "de",
        _ => said + "ste",
    }
}

/// "negentienhonderdnegenennegentig", and "vijftienhonderd" for counts as well.
fn year(n: u64) -> Option<String> {
    ((1100..2000).contains(&n)).then(|| format!("{}honderd{}", below_100(n / 100), below_100(n % 100)))
}

pub(super) static LANGUAGE: Language = Language {
    cardinal,
    ordinal,
    year,
    thousands: '.',
    blank_thousands: true,
    decimals_as_number: false,
    signs: Signs {
        minus: "min",
        plus: "plus",
        equals: "is gelijk aan",
        times: "keer",
        and: "en",
        percent: "procent",
        per_mille: "promille",
        point: "punt",
        comma: "komma",
        to: "tot",
        score: "",
        out_of: "van de",
        degrees: "graden",
        about: "ongeveer",
        number: "nummer",
        section: "paragraaf",
        less: "kleiner dan",
        greater: "groter dan",
        fractions: ["een half", "een derde", "twee derde", "een kwart", "drie kwart"],
        per: "per",
        at: "apenstaartje",
        dot: "punt",
        slash: "schuine streep",
        dash: "streepje",
        underscore: "laag streepje",
        hashtag: "hashtag",
    },
    months: [
        "januari",
        "februari",
        "maart",
        "april",
        "mei",
        "juni",
        "juli",
        "augustus",
        "september",
        "oktober",
        "november",
        "december",
    ],
    currencies: [
        (m("dollar", "dollar"), m("cent", "cent")),
        (m("euro", "euro"), m("cent", "cent")),
        (m("pond", "pond"), m("penny", "pence")),
        (m("yen", "yen"), m("sen", "sen")),
        (m("frank", "frank"), m("centime", "centimes")),
        (m("real", "real"), m("centavo", "centavo's")),
    ],
    hundredths: (" ", false),
    scales: &["duizend", "miljoen", "mln.", "mld.", "miljard", "biljoen"],
    scale_link: (" ", " "),
    units: &[
        ("km/h", m("kilometer per uur", "kilometer per uur")),
        ("km/u", m("kilometer per uur", "kilometer per uur")),
        ("m/s", m("meter per seconde", "meter per seconde")),
        ("km²", m("vierkante kilometer", "vierkante kilometer")),
        ("m²", m("vierkante meter", "vierkante meter")),
        ("cm²", m("vierkante centimeter", "vierkante centimeter")),
        ("m³", m("kubieke meter", "kubieke meter")),
        ("km", m("kilometer", "kilometer")),
        ("cm", m("centimeter", "centimeter")),
        ("mm", m("millimeter", "millimeter")),
        ("m", m("meter", "meter")),
        ("ha", m("hectare", "hectare")),
        ("kg", m("kilo", "kilo")),
        ("mg", m("milligram", "milligram")),
        ("g", m("gram", "gram")),
        ("t", m("ton", "ton")),
        ("ml", m("milliliter", "milliliter")),
        ("l", m("liter", "liter")),
        ("°C", m("graad Celsius", "graden Celsius")),
        ("°F", m("graad Fahrenheit", "graden Fahrenheit")),
        ("°", m("graad", "graden")),
        ("h", m("uur", "uur")),
        ("min.", m("minuut", "minuten")),
        ("min", m("minuut", "minuten")),
        ("sec.", m("seconde", "seconden")),
        ("sec", m("seconde", "seconden")),
        ("ms", m("milliseconde", "milliseconden")),
        ("s", m("seconde", "seconden")),
        ("kWh", m("kilowattuur", "kilowattuur")),
        ("MWh", m("megawattuur", "megawattuur")),
        ("kW", m("kilowatt", "kilowatt")),
        ("MW", m("megawatt", "megawatt")),
        ("GW", m("gigawatt", "gigawatt")),
        ("W", m("watt", "watt")),
        ("V", m("volt", "volt")),
        ("Hz", m("hertz", "hertz")),
        ("kHz", m("kilohertz", "kilohertz")),
        ("MHz", m("megahertz", "megahertz")),
        ("GHz", m("gigahertz", "gigahertz")),
        ("dB", m("decibel", "decibel")),
        ("hPa", m("hectopascal", "hectopascal")),
        ("Mbit/s", m("megabit per seconde", "megabit per seconde")),
        ("kB", m("kilobyte", "kilobyte")),
        ("KB", m("kilobyte", "kilobyte")),
        ("MB", m("megabyte", "megabyte")),
        ("GB", m("gigabyte", "gigabyte")),
        ("TB", m("terabyte", "terabyte")),
        ("pk", m("paardenkracht", "paardenkracht")),
        ("kcal", m("kilocalorie", "kilocalorieën")),
        ("mln.", m("miljoen", "miljoen")),
        ("mln", m("miljoen", "miljoen")),
        ("mld.", m("miljard", "miljard")),
        ("mld", m("miljard", "miljard")),
    ],
    abbreviations: &[
        ("dhr.", "de heer", Any),
        ("mevr.", "mevrouw", Any),
        ("mw.", "mevrouw", Any),
        ("dr.", "doctor", Any),
        ("Dr.", "doctor", Any),
        ("drs.", "doctorandus", Any),
        ("prof.", "professor", Any),
        ("Prof.", "professor", Any),
        ("ir.", "ingenieur", Any),
        ("ing.", "ingenieur", Any),
        ("mr.", "meester", Any),
        ("ds.", "dominee", Any),
        ("St.", "Sint", Name),
        ("bijv.", "bijvoorbeeld", Any),
        ("bv.", "bijvoorbeeld", Any),
        ("d.w.z.", "dat wil zeggen", Any),
        ("enz.", "enzovoort", Last),
        ("etc.", "et cetera", Last),
        ("o.a.", "onder andere", Any),
        ("m.a.w.", "met andere woorden", Any),
        ("i.p.v.", "in plaats van", Any),
        ("m.b.t.", "met betrekking tot", Any),
        ("t.o.v.", "ten opzichte van", Any),
        ("a.u.b.", "alstublieft", Last),
        ("t/m", "tot en met", Any),
        ("ca.", "circa", Any),
        ("vs.", "tegen", Any),
        ("v.Chr.", "voor Christus", Last),
        ("n.Chr.", "na Christus", Last),
        ("nr.", "nummer", Any),
        ("Nr.", "nummer", Digit),
        ("blz.", "bladzijde", Any),
        ("art.", "artikel", Digit),
        ("tel.", "telefoon", Any),
        ("mln.", "miljoen", Any),
        ("mld.", "miljard", Any),
        ("max.", "maximaal", Any),
        ("min.", "minimaal", Any),
        ("incl.", "inclusief", Any),
        ("excl.", "exclusief", Any),
        ("resp.", "respectievelijk", Any),
        ("z.g.", "zogenaamd", Any),
        ("zgn.", "zogenaamd", Any),
        ("evt.", "eventueel", Any),
        ("o.l.v.", "onder leiding van", Any),
        ("ong.", "ongeveer", Any),
    ],
    odd_nouns: &[],
    centuries: &["eeuw"],
};
