//! French, with the numbers of France.

use super::{
    Form, Gender, Language,
    Place::{Any, Digit, Last, Name},
    Signs, f, groups, m,
};

const SMALL: [&str; 20] = [
    "zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf", "dix", "onze", "douze", "treize",
    "quatorze", "quinze", "seize", "dix-sept", "dix-huit", "dix-neuf",
];
const TENS: [&str; 9] = [
    "",
    "",
    "vingt",
    "trente",
    "quarante",
    "cinquante",
    "soixante",
    "soixante",
    "quatre-vingt",
];

fn below_100(n: u64, last: bool) -> String {
    let tens = match n / 10 {
        7 => 6,
        9 => 8,
        tens => tens,
    };
    let unit = (n - tens * 10) as usize;
    match (tens, unit) {
        (0 | 1, _) => SMALL[n as usize].into(),
        (8, 0) => if last { "quatre-vingts" } else { "quatre-vingt" }.into(),
        (_, 0) => TENS[tens as usize].into(),
        (8, _) => format!("quatre-vingt-{}", SMALL[unit]),
        (_, 1 | 11) => format!("{} et {}", TENS[tens as usize], SMALL[unit]),
        _ => format!("{}-{}", TENS[tens as usize], SMALL[unit]),
    }
}

/// `last`: nothing but a noun comes after it, so that "cents" and "vingts" keep their s.
fn below_1000(n: u64, last: bool) -> String {
    let rest = n % 100;
    let hundreds = match n / 100 {
        0 => return below_100(n, last),
        1 => "cent".to_owned(),
        hundreds => format!(
            "{} cent{}",
            SMALL[hundreds as usize],
            if last && rest == 0 { "s" } else { "" }
        ),
    };
    if rest == 0 {
        hundreds
    } else {
        format!("{hundreds} {}", below_100(rest, last))
    }
}

fn cardinal(n: u64, form: Form) -> String {
    if n == 0 {
        return SMALL[0].into();
    }
    let said: Vec<String> = groups(n)
        .map(|(group, power)| match (power, group) {
            (0, _) => below_1000(group, true),
            (1, 1) => "mille".into(),
            (1, _) => below_1000(group, false) + " mille",
            _ => {
                let scale = ["million", "milliard", "billion"][power - 2];
                format!(
                    "{} {scale}{}",
                    below_1000(group, true),
                    if group > 1 { "s" } else { "" }
                )
            }
        })
        .collect();
    let mut said = said.join(" ");
    if form == Form::Of(Gender::Fem) && n % 10 == 1 && !matches!(n % 100, 11 | 71 | 91) {
        said.push('e');
    }
    said
}

fn ordinal(n: u64, gender: Gender) -> String {
    if n == 1 {
        return if gender == Gender::Fem { "première" } else { "premier" }.into();
    }
    let said = cardinal(n, Form::Alone);
    let plural = ["vingts", "cents", "millions", "milliards", "billions"]
        .iter()
        .any(|end| said.ends_with(end));
    let stem = if plural { &said[..said.len() - 1] } else { &said };
    match stem {
        _ if stem.ends_with("cinq") => format!("{stem}uième"),
        _ if stem.ends_with("neuf") => format!("{}vième", stem.trim_end_matches('f')),
        _ => format!("{}ième", stem.strip_suffix('e').unwrap_or(stem)),
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
        minus: "moins",
        plus: "plus",
        equals: "égale",
        times: "fois",
        and: "et",
        percent: "pour cent",
        per_mille: "pour mille",
        point: "point",
        comma: "virgule",
        to: "à",
        score: "à",
        out_of: "sur",
        degrees: "degrés",
        about: "environ",
        number: "numéro",
        section: "paragraphe",
        less: "inférieur à",
        greater: "supérieur à",
        fractions: ["un demi", "un tiers", "deux tiers", "un quart", "trois quarts"],
        per: "par",
        at: "arobase",
        dot: "point",
        slash: "barre oblique",
        dash: "tiret",
        underscore: "tiret bas",
        hashtag: "hashtag",
    },
    months: [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ],
    currencies: [
        (m("dollar", "dollars"), m("cent", "cents")),
        (m("euro", "euros"), m("centime", "centimes")),
        (f("livre", "livres"), m("penny", "pence")),
        (m("yen", "yens"), m("sen", "sen")),
        (m("franc", "francs"), m("centime", "centimes")),
        (m("réal", "réaux"), m("centavo", "centavos")),
    ],
    hundredths: (" ", false),
    scales: &[
        "mille",
        "million",
        "millions",
        "milliard",
        "milliards",
        "billion",
        "billions",
    ],
    scale_link: (" de ", " d'"),
    units: &[
        ("km/h", m("kilomètre heure", "kilomètres heure")),
        ("m/s", m("mètre par seconde", "mètres par seconde")),
        ("km²", m("kilomètre carré", "kilomètres carrés")),
        ("m²", m("mètre carré", "mètres carrés")),
        ("cm²", m("centimètre carré", "centimètres carrés")),
        ("m³", m("mètre cube", "mètres cubes")),
        ("km", m("kilomètre", "kilomètres")),
        ("cm", m("centimètre", "centimètres")),
        ("mm", m("millimètre", "millimètres")),
        ("m", m("mètre", "mètres")),
        ("ha", m("hectare", "hectares")),
        ("kg", m("kilo", "kilos")),
        ("mg", m("milligramme", "milligrammes")),
        ("g", m("gramme", "grammes")),
        ("t", f("tonne", "tonnes")),
        ("ml", m("millilitre", "millilitres")),
        ("cl", m("centilitre", "centilitres")),
        ("l", m("litre", "litres")),
        ("°C", m("degré Celsius", "degrés Celsius")),
        ("°F", m("degré Fahrenheit", "degrés Fahrenheit")),
        ("°", m("degré", "degrés")),
        ("h", f("heure", "heures")),
        ("min", f("minute", "minutes")),
        ("mn", f("minute", "minutes")),
        ("ms", f("milliseconde", "millisecondes")),
        ("s", f("seconde", "secondes")),
        ("kWh", m("kilowattheure", "kilowattheures")),
        ("MWh", m("mégawattheure", "mégawattheures")),
        ("kW", m("kilowatt", "kilowatts")),
        ("MW", m("mégawatt", "mégawatts")),
        ("GW", m("gigawatt", "gigawatts")),
        ("W", m("watt", "watts")),
        ("V", m("volt", "volts")),
        ("Hz", m("hertz", "hertz")),
        ("kHz", m("kilohertz", "kilohertz")),
        ("MHz", m("mégahertz", "mégahertz")),
        ("GHz", m("gigahertz", "gigahertz")),
        ("dB", m("décibel", "décibels")),
        ("hPa", m("hectopascal", "hectopascals")),
        ("Mbit/s", m("mégabit par seconde", "mégabits par seconde")),
        ("ko", m("kilooctet", "kilooctets")),
        ("Ko", m("kilooctet", "kilooctets")),
        ("Mo", m("mégaoctet", "mégaoctets")),
        ("Go", m("gigaoctet", "gigaoctets")),
        ("To", m("téraoctet", "téraoctets")),
        ("KB", m("kilooctet", "kilooctets")),
        ("MB", m("mégaoctet", "mégaoctets")),
        ("GB", m("gigaoctet", "gigaoctets")),
        ("TB", m("téraoctet", "téraoctets")),
        ("ch", m("cheval", "chevaux")),
        ("kcal", f("kilocalorie", "kilocalories")),
        ("Md", m("milliard", "milliards")),
    ],
    abbreviations: &[
        ("M.", "monsieur", Name),
        ("MM.", "messieurs", Name),
        ("Mr.", "monsieur", Any),
        ("Mr", "monsieur", Name),
        ("Mme", "madame", Any),
        ("Mmes", "mesdames", Any),
        ("Mlle", "mademoiselle", Any),
        ("Mlles", "mesdemoiselles", Any),
        ("Mgr", "monseigneur", Name),
        ("Dr.", "docteur", Any),
        ("Dr", "docteur", Name),
        ("Pr", "professeur", Name),
        ("Pr.", "professeur", Name),
        ("Me", "maître", Name),
        ("St", "saint", Name),
        ("St.", "saint", Name),
        ("Ste", "sainte", Name),
        ("Ste.", "sainte", Name),
        ("etc.", "et cetera", Last),
        ("p. ex.", "par exemple", Any),
        ("c.-à-d.", "c'est-à-dire", Any),
        ("env.", "environ", Any),
        ("av. J.-C.", "avant Jésus-Christ", Last),
        ("apr. J.-C.", "après Jésus-Christ", Last),
        ("bd", "boulevard", Name),
        ("Bd", "boulevard", Name),
        ("av.", "avenue", Name),
        ("n°", "numéro", Digit),
        ("N°", "numéro", Digit),
        ("nº", "numéro", Digit),
        ("no", "numéro", Digit),
        ("vol.", "volume", Digit),
        ("p.", "page", Digit),
        ("pp.", "pages", Digit),
        ("fig.", "figure", Digit),
        ("art.", "article", Digit),
        ("vs.", "contre", Any),
        ("vs", "contre", Any),
        ("cf.", "confer", Any),
        ("tél.", "téléphone", Any),
        ("dép.", "département", Any),
        ("max.", "maximum", Any),
        ("min.", "minimum", Any),
        ("R.-V.", "rendez-vous", Any),
    ],
    odd_nouns: &[
        "heure",
        "fois",
        "minute",
        "seconde",
        "personne",
        "femme",
        "fille",
        "année",
        "semaine",
        "journée",
        "nuit",
        "question",
        "chose",
        "partie",
        "équipe",
        "ville",
        "voiture",
        "maison",
        "page",
        "place",
        "victime",
        "famille",
        "entreprise",
        "livre",
        "tonne",
        "victoire",
        "région",
        "école",
        "île",
        "voix",
        "étape",
        "édition",
        "saison",
        "mesure",
    ],
    centuries: &["siècle", "siècles"],
};
