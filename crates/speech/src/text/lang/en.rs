//! English.

use super::{
    Form, Gender, Language,
    Place::{Any, Digit, Last, Name},
    Signs, groups, m,
};

const SMALL: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] = [
    "", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
];
const SCALES: [&str; 5] = ["", " thousand", " million", " billion", " trillion"];

fn below_100(n: u64) -> String {
    match (n, n % 10) {
        (0..20, _) => SMALL[n as usize].into(),
        (_, 0) => TENS[n as usize / 10].into(),
        (_, unit) => format!("{}-{}", TENS[n as usize / 10], SMALL[unit as usize]),
    }
}

fn below_1000(n: u64) -> String {
    match (n / 100, n % 100) {
        (0, rest) => below_100(rest),
        (hundreds, 0) => format!("{} hundred", SMALL[hundreds as usize]),
        (hundreds, rest) => format!("{} hundred and {}", SMALL[hundreds as usize], below_100(rest)),
    }
}

fn cardinal(n: u64, _: Form) -> String {
    if n == 0 {
        return SMALL[0].into();
    }
    let mut said: Vec<String> = groups(n)
        .map(|(group, power)| below_1000(group) + SCALES[power])
        .collect();
    if n > 1000 && (1..100).contains(&(n % 1000)) {
        said.insert(said.len() - 1, "and".into());
    }
    said.join(" ")
}

fn ordinal(n: u64, _: Gender) -> String {
    let said = cardinal(n, Form::Alone);
    let (front, last) = said.split_at(said.rfind([' ', '-']).map_or(0, |at| at + 1));
    let last = match last {
        "one" => "first".into(),
        "two" => "second".into(),
        "three" => "third".into(),
        "five" => "fifth".into(),
        "eight" => "eighth".into(),
        "nine" => "ninth".into(),
        "twelve" => "twelfth".into(),
        _ => last
            .strip_suffix('y')
            .map_or_else(|| format!("{last}th"), |stem| format!("{stem}ieth")),
    };
    format!("{front}{last}")
}

/// "nineteen ninety-nine", "nineteen oh five", "two thousand and five", "twenty twenty-six".
fn year(n: u64) -> Option<String> {
    if !(1100..2100).contains(&n) || (2000..2010).contains(&n) {
        return None;
    }
    let (century, rest) = (below_100(n / 100), n % 100);
    Some(match rest {
        0 => format!("{century} hundred"),
        1..10 => format!("{century} oh {}", below_100(rest)),
        _ => format!("{century} {}", below_100(rest)),
    })
}

pub(super) static LANGUAGE: Language = Language {
    cardinal,
    ordinal,
    year,
    thousands: ',',
    blank_thousands: false,
    decimals_as_number: false,
    signs: Signs {
        minus: "minus",
        plus: "plus",
        equals: "equals",
        times: "by",
        and: "and",
        percent: "percent",
        per_mille: "per mille",
        point: "point",
        comma: "point",
        to: "to",
        score: "",
        out_of: "out of",
        degrees: "degrees",
        about: "about",
        number: "number",
        section: "section",
        less: "less than",
        greater: "greater than",
        fractions: ["a half", "a third", "two thirds", "a quarter", "three quarters"],
        per: "per",
        at: "at",
        dot: "dot",
        slash: "slash",
        dash: "dash",
        underscore: "underscore",
        hashtag: "hashtag",
    },
    months: [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    currencies: [
        (m("dollar", "dollars"), m("cent", "cents")),
        (m("euro", "euros"), m("cent", "cents")),
        (m("pound", "pounds"), m("penny", "pence")),
        (m("yen", "yen"), m("sen", "sen")),
        (m("franc", "francs"), m("centime", "centimes")),
        (m("real", "reais"), m("centavo", "centavos")),
    ],
    hundredths: (" and ", true),
    scales: &["thousand", "million", "billion", "trillion"],
    scale_link: (" ", " "),
    units: &[
        ("km/h", m("kilometre per hour", "kilometres per hour")),
        ("kph", m("kilometre per hour", "kilometres per hour")),
        ("mph", m("mile per hour", "miles per hour")),
        ("m/s", m("metre per second", "metres per second")),
        ("km²", m("square kilometre", "square kilometres")),
        ("m²", m("square metre", "square metres")),
        ("cm²", m("square centimetre", "square centimetres")),
        ("m³", m("cubic metre", "cubic metres")),
        ("km", m("kilometre", "kilometres")),
        ("cm", m("centimetre", "centimetres")),
        ("mm", m("millimetre", "millimetres")),
        ("m", m("metre", "metres")),
        ("ha", m("hectare", "hectares")),
        ("mi", m("mile", "miles")),
        ("ft", m("foot", "feet")),
        ("lbs", m("pound", "pounds")),
        ("lb", m("pound", "pounds")),
        ("oz", m("ounce", "ounces")),
        ("kg", m("kilogram", "kilograms")),
        ("mg", m("milligram", "milligrams")),
        ("g", m("gram", "grams")),
        ("t", m("ton", "tons")),
        ("ml", m("millilitre", "millilitres")),
        ("l", m("litre", "litres")),
        ("°C", m("degree Celsius", "degrees Celsius")),
        ("°F", m("degree Fahrenheit", "degrees Fahrenheit")),
        ("°", m("degree", "degrees")),
        ("hrs", m("hour", "hours")),
        ("h", m("hour", "hours")),
        ("min", m("minute", "minutes")),
        ("mins", m("minute", "minutes")),
        ("secs", m("second", "seconds")),
        ("sec", m("second", "seconds")),
        ("ms", m("millisecond", "milliseconds")),
        ("s", m("second", "seconds")),
        ("kWh", m("kilowatt hour", "kilowatt hours")),
        ("MWh", m("megawatt hour", "megawatt hours")),
        ("kW", m("kilowatt", "kilowatts")),
        ("MW", m("megawatt", "megawatts")),
        ("GW", m("gigawatt", "gigawatts")),
        ("W", m("watt", "watts")),
        ("V", m("volt", "volts")),
        ("Hz", m("hertz", "hertz")),
        ("kHz", m("kilohertz", "kilohertz")),
        ("MHz", m("megahertz", "megahertz")),
        ("GHz", m("gigahertz", "gigahertz")),
        ("dB", m("decibel", "decibels")),
        ("hPa", m("hectopascal", "hectopascals")),
        ("Mbit/s", m("megabit per second", "megabits per second")),
        ("kB", m("kilobyte", "kilobytes")),
        ("KB", m("kilobyte", "kilobytes")),
        ("MB", m("megabyte", "megabytes")),
        ("GB", m("gigabyte", "gigabytes")),
        ("TB", m("terabyte", "terabytes")),
        ("hp", m("horsepower", "horsepower")),
        ("kcal", m("kilocalorie", "kilocalories")),
        ("¢", m("cent", "cents")),
        ("p", m("penny", "pence")),
        ("bn", m("billion", "billion")),
        ("mn", m("million", "million")),
    ],
    abbreviations: &[
        ("Mr.", "Mister", Any),
        ("Mr", "Mister", Name),
        ("Mrs.", "Missus", Any),
        ("Mrs", "Missus", Name),
        ("Ms.", "Ms", Any),
        ("Dr.", "Doctor", Any),
        ("Dr", "Doctor", Name),
        ("Prof.", "Professor", Any),
        ("St.", "Saint", Name),
        ("St.", "Street", Last),
        ("Ave.", "Avenue", Last),
        ("Mt.", "Mount", Name),
        ("Ft.", "Fort", Name),
        ("Jr.", "Junior", Last),
        ("Sr.", "Senior", Last),
        ("Rev.", "Reverend", Name),
        ("Hon.", "Honorable", Name),
        ("Gen.", "General", Name),
        ("Col.", "Colonel", Name),
        ("Capt.", "Captain", Name),
        ("Lt.", "Lieutenant", Name),
        ("Sgt.", "Sergeant", Name),
        ("Cmdr.", "Commander", Name),
        ("Gov.", "Governor", Name),
        ("Sen.", "Senator", Name),
        ("Rep.", "Representative", Name),
        ("Pres.", "President", Name),
        ("Inc.", "Incorporated", Last),
        ("Ltd.", "Limited", Last),
        ("Corp.", "Corporation", Last),
        ("Co.", "Company", Last),
        ("Bros.", "Brothers", Last),
        ("Dept.", "Department", Any),
        ("dept.", "department", Any),
        ("Univ.", "University", Any),
        ("etc.", "et cetera", Last),
        ("e.g.", "for example", Any),
        ("i.e.", "that is", Any),
        ("vs.", "versus", Any),
        ("vs", "versus", Any),
        ("approx.", "approximately", Any),
        ("et al.", "and others", Last),
        ("cf.", "compare", Any),
        ("No.", "number", Digit),
        ("no.", "number", Digit),
        ("Nos.", "numbers", Digit),
        ("Vol.", "volume", Digit),
        ("vol.", "volume", Digit),
        ("p.", "page", Digit),
        ("pp.", "pages", Digit),
        ("Fig.", "figure", Digit),
        ("fig.", "figure", Digit),
        ("ca.", "about", Digit),
        ("a.m.", "AM", Last),
        ("p.m.", "PM", Last),
        ("Ph.D.", "PhD", Last),
        ("B.C.", "BC", Last),
        ("A.D.", "AD", Any),
        ("w/o", "without", Any),
        ("w/", "with", Any),
        ("U.S.", "US", Any),
    ],
    odd_nouns: &[],
    centuries: &[],
};
