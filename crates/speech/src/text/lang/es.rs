//! Spanish.

use super::{
    Form, Gender, Language,
    Place::{Any, Digit, Last, Name},
    Signs, f, m,
};

const SMALL: [&str; 30] = [
    "cero",
    "uno",
    "dos",
    "tres",
    "cuatro",
    "cinco",
    "seis",
    "siete",
    "ocho",
    "nueve",
    "diez",
    "once",
    "doce",
    "trece",
    "catorce",
    "quince",
    "dieciséis",
    "diecisiete",
    "dieciocho",
    "diecinueve",
    "veinte",
    "veintiuno",
    "veintidós",
    "veintitrés",
    "veinticuatro",
    "veinticinco",
    "veintiséis",
    "veintisiete",
    "veintiocho",
    "veintinueve",
];
const TENS: [&str; 10] = [
    "",
    "",
    "",
    "treinta",
    "cuarenta",
    "cincuenta",
    "sesenta",
    "setenta",
    "ochenta",
    "noventa",
];
const HUNDREDS: [&str; 10] = [
    "",
    "ciento",
    "doscientos",
    "trescientos",
    "cuatrocientos",
    "quinientos",
    "seiscientos",
    "setecientos",
    "ochocientos",
    "novecientos",
];

fn below_100(n: u64, form: Form) -> String {
    let one = match form {
        Form::Alone => "uno",
        Form::Of(Gender::Masc) => "un",
        Form::Of(Gender::Fem) => "una",
    };
    match (n, n % 10, form) {
        (1, ..) => one.into(),
        (21, _, Form::Of(Gender::Masc)) => "veintiún".into(),
        (21, ..) => format!("veinti{one}"),
        (..30, ..) => SMALL[n as usize].into(),
        (_, 0, _) => TENS[n as usize / 10].into(),
        (_, 1, _) => format!("{} y {one}", TENS[n as usize / 10]),
        (_, unit, _) => format!("{} y {}", TENS[n as usize / 10], SMALL[unit as usize]),
    }
}

fn below_1000(n: u64, form: Form) -> String {
    let hundreds = match n / 100 {
        0 => return below_100(n, form),
        1 if n == 100 => "cien".to_owned(),
        hundreds if hundreds > 1 && form == Form::Of(Gender::Fem) => {
            HUNDREDS[hundreds as usize].replace("ntos", "ntas")
        }
        hundreds => HUNDREDS[hundreds as usize].to_owned(),
    };
    if n.is_multiple_of(100) {
        hundreds
    } else {
        format!("{hundreds} {}", below_100(n % 100, form))
    }
}

fn below_million(n: u64, form: Form) -> String {
    let counted = match form {
        Form::Alone => Form::Of(Gender::Masc),
        form => form,
    };
    match (n / 1000, n % 1000) {
        (0, rest) => below_1000(rest, form),
        (thousands, rest) => {
            let thousands = if thousands == 1 {
                "mil".to_owned()
            } else {
                below_1000(thousands, counted) + " mil"
            };
            if rest == 0 {
                thousands
            } else {
                format!("{thousands} {}", below_1000(rest, form))
            }
        }
    }
}

fn cardinal(n: u64, form: Form) -> String {
    if n == 0 {
        return SMALL[0].into();
    }
    let masc = Form::Of(Gender::Masc);
    let mut said = Vec::new();
    for (count, one, many) in [
        (n / 1_000_000_000_000, "billón", "billones"),
        (n / 1_000_000 % 1_000_000, "millón", "millones"),
    ] {
        match count {
            0 => {}
            1 => said.push(format!("un {one}")),
            _ => said.push(format!("{} {many}", below_million(count, masc))),
        }
    }
    if !n.is_multiple_of(1_000_000) {
        said.push(below_million(n % 1_000_000, form));
    }
    said.join(" ")
}

const ORDINALS: [[&str; 10]; 3] = [
    [
        "", "primero", "segundo", "tercero", "cuarto", "quinto", "sexto", "séptimo", "octavo", "noveno",
    ],
    [
        "",
        "décimo",
        "vigésimo",
        "trigésimo",
        "cuadragésimo",
        "quincuagésimo",
        "sexagésimo",
        "septuagésimo",
        "octogésimo",
        "nonagésimo",
    ],
    [
        "",
        "centésimo",
        "ducentésimo",
        "tricentésimo",
        "cuadringentésimo",
        "quingentésimo",
        "sexcentésimo",
        "septingentésimo",
        "octingentésimo",
        "noningentésimo",
    ],
];

/// Above 999 what people say is the cardinal.
fn ordinal(n: u64, gender: Gender) -> String {
    let said = match n {
        1000 => "milésimo".to_owned(),
        1_000_000 => "millonésimo".to_owned(),
        0 | 1000.. => return cardinal(n, Form::Alone),
        11 => "undécimo".to_owned(),
        12 => "duodécimo".to_owned(),
        _ => [n / 100, n / 10 % 10, n % 10]
            .iter()
            .zip(ORDINALS.iter().rev())
            .map(|(digit, names)| names[*digit as usize])
            .filter(|name| !name.is_empty())
            .collect::<Vec<_>>()
            .join(" "),
    };
    if gender == Gender::Fem { feminine(&said) } else { said }
}

/// Each word that ends in o with an a.
fn feminine(words: &str) -> String {
    let words = words.split(' ').map(|word| {
        word.strip_suffix('o')
            .map_or_else(|| word.to_owned(), |stem| format!("{stem}a"))
    });
    words.collect::<Vec<_>>().join(" ")
}

pub(super) static LANGUAGE: Language = Language {
    cardinal,
    ordinal,
    year: |_| None,
    thousands: '.',
    blank_thousands: true,
    decimals_as_number: true,
    signs: Signs {
        minus: "menos",
        plus: "más",
        equals: "igual a",
        times: "por",
        and: "y",
        percent: "por ciento",
        per_mille: "por mil",
        point: "punto",
        comma: "coma",
        to: "a",
        score: "a",
        out_of: "de",
        degrees: "grados",
        about: "alrededor de",
        number: "número",
        section: "sección",
        less: "menor que",
        greater: "mayor que",
        fractions: ["medio", "un tercio", "dos tercios", "un cuarto", "tres cuartos"],
        per: "por",
        at: "arroba",
        dot: "punto",
        slash: "barra",
        dash: "guion",
        underscore: "guion bajo",
        hashtag: "almohadilla",
    },
    months: [
        "enero",
        "febrero",
        "marzo",
        "abril",
        "mayo",
        "junio",
        "julio",
        "agosto",
        "septiembre",
        "octubre",
        "noviembre",
        "diciembre",
    ],
    currencies: [
        (m("dólar", "dólares"), m("centavo", "centavos")),
        (m("euro", "euros"), m("céntimo", "céntimos")),
        (f("libra", "libras"), m("penique", "peniques")),
        (m("yen", "yenes"), m("sen", "sen")),
        (m("franco", "francos"), m("céntimo", "céntimos")),
        (m("real", "reales"), m("centavo", "centavos")),
    ],
    hundredths: (" con ", false),
    scales: &["mil", "millón", "millones", "billón", "billones"],
    scale_link: (" de ", " de "),
    units: &[
        ("km/h", m("kilómetro por hora", "kilómetros por hora")),
        ("m/s", m("metro por segundo", "metros por segundo")),
        ("km²", m("kilómetro cuadrado", "kilómetros cuadrados")),
        ("m²", m("metro cuadrado", "metros cuadrados")),
        ("cm²", m("centímetro cuadrado", "centímetros cuadrados")),
        ("m³", m("metro cúbico", "metros cúbicos")),
        ("km", m("kilómetro", "kilómetros")),
        ("cm", m("centímetro", "centímetros")),
        ("mm", m("milímetro", "milímetros")),
        ("m", m("metro", "metros")),
        ("ha", f("hectárea", "hectáreas")),
        ("kg", m("kilo", "kilos")),
        ("mg", m("miligramo", "miligramos")),
        ("g", m("gramo", "gramos")),
        ("t", f("tonelada", "toneladas")),
        ("ml", m("mililitro", "mililitros")),
        ("l", m("litro", "litros")),
        ("°C", m("grado Celsius", "grados Celsius")),
        ("ºC", m("grado Celsius", "grados Celsius")),
        ("°F", m("grado Fahrenheit", "grados Fahrenheit")),
        ("°", m("grado", "grados")),
        ("h", f("hora", "horas")),
        ("min", m("minuto", "minutos")),
        ("ms", m("milisegundo", "milisegundos")),
        ("s", m("segundo", "segundos")),
        ("kWh", m("kilovatio hora", "kilovatios hora")),
        ("MWh", m("megavatio hora", "megavatios hora")),
        ("kW", m("kilovatio", "kilovatios")),
        ("MW", m("megavatio", "megavatios")),
        ("GW", m("gigavatio", "gigavatios")),
        ("W", m("vatio", "vatios")),
        ("V", m("voltio", "voltios")),
        ("Hz", m("hercio", "hercios")),
        ("kHz", m("kilohercio", "kilohercios")),
        ("MHz", m("megahercio", "megahercios")),
        ("GHz", m("gigahercio", "gigahercios")),
        ("dB", m("decibelio", "decibelios")),
        ("hPa", m("hectopascal", "hectopascales")),
        ("Mbit/s", m("megabit por segundo", "megabits por segundo")),
        ("kB", m("kilobyte", "kilobytes")),
        ("KB", m("kilobyte", "kilobytes")),
        ("MB", m("megabyte", "megabytes")),
        ("GB", m("gigabyte", "gigabytes")),
        ("TB", m("terabyte", "terabytes")),
        ("CV", m("caballo", "caballos")),
        ("kcal", f("kilocaloría", "kilocalorías")),
    ],
    abbreviations: &[
        ("Sr.", "señor", Any),
        ("Sra.", "señora", Any),
        ("Sres.", "señores", Any),
        ("Sras.", "señoras", Any),
        ("Srta.", "señorita", Any),
        ("Dr.", "doctor", Any),
        ("Dra.", "doctora", Any),
        ("Prof.", "profesor", Any),
        ("Profa.", "profesora", Any),
        ("Lic.", "licenciado", Any),
        ("Ing.", "ingeniero", Any),
        ("Dña.", "doña", Any),
        ("Da.", "doña", Name),
        ("Ud.", "usted", Any),
        ("Uds.", "ustedes", Any),
        ("Vd.", "usted", Any),
        ("Vds.", "ustedes", Any),
        ("Gral.", "general", Any),
        ("Cap.", "capitán", Name),
        ("cap.", "capítulo", Digit),
        ("Sto.", "santo", Name),
        ("Sta.", "santa", Name),
        ("etc.", "etcétera", Last),
        ("p. ej.", "por ejemplo", Any),
        ("EE.UU.", "Estados Unidos", Last),
        ("EEUU", "Estados Unidos", Any),
        ("Avda.", "avenida", Any),
        ("Av.", "avenida", Any),
        ("aprox.", "aproximadamente", Any),
        ("a.C.", "antes de Cristo", Last),
        ("d.C.", "después de Cristo", Last),
        ("a.m.", "de la mañana", Last),
        ("p.m.", "de la tarde", Last),
        ("núm.", "número", Any),
        ("n.º", "número", Digit),
        ("nº", "número", Digit),
        ("N.º", "número", Digit),
        ("Nº", "número", Digit),
        ("n°", "número", Digit),
        ("pág.", "página", Any),
        ("págs.", "páginas", Any),
        ("vol.", "volumen", Digit),
        ("art.", "artículo", Digit),
        ("tel.", "teléfono", Any),
        ("Tel.", "teléfono", Any),
        ("vs.", "contra", Any),
        ("máx.", "máximo", Any),
        ("mín.", "mínimo", Any),
        ("dpto.", "departamento", Any),
        ("Dpto.", "departamento", Any),
        ("Cía.", "compañía", Last),
    ],
    odd_nouns: &[
        "día",
        "mapa",
        "planeta",
        "problema",
        "programa",
        "sistema",
        "tema",
        "idioma",
        "clima",
        "poema",
        "atleta",
        "futbolista",
        "mano",
        "vez",
        "veces",
        "mujer",
        "noche",
        "ciudad",
        "parte",
        "voz",
        "voces",
        "clase",
        "calle",
        "unidad",
        "edición",
        "ediciones",
        "región",
        "regiones",
        "señal",
        "foto",
        "moto",
    ],
    centuries: &["siglo", "siglos"],
};
