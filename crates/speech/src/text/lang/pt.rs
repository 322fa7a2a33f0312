//! Portuguese: forms of Brazil, and the long scale of Portugal ("mil milhões"), which nobody misunderstands.

use super::{
    Form, Gender, Language,
    Place::{Any, Digit, Last, Name},
    Signs, f, m,
};

const SMALL: [&str; 20] = [
    "zero",
    "um",
    "dois",
    "três",
    "quatro",
    "cinco",
    "seis",
    "sete",
    "oito",
    "nove",
    "dez",
    "onze",
    "doze",
    "treze",
    "catorze",
    "quinze",
    "dezesseis",
    "dezessete",
    "dezoito",
    "dezenove",
];
const TENS: [&str; 10] = [
    "",
    "",
    "vinte",
    "trinta",
    "quarenta",
    "cinquenta",
    "sessenta",
    "setenta",
    "oitenta",
    "noventa",
];
const HUNDREDS: [&str; 10] = [
    "",
    "cento",
    "duzentos",
    "trezentos",
    "quatrocentos",
    "quinhentos",
    "seiscentos",
    "setecentos",
    "oitocentos",
    "novecentos",
];

fn small(n: u64, fem: bool) -> &'static str {
    match (n, fem) {
        (1, true) => "uma",
        (2, true) => "duas",
        _ => SMALL[n as usize],
    }
}

fn below_1000(n: u64, fem: bool) -> String {
    let (hundreds, rest) = (n / 100, n % 100);
    let mut said = Vec::new();
    match hundreds {
        0 => {}
        1 if rest == 0 => said.push("cem".to_owned()),
        2.. if fem => said.push(HUNDREDS[hundreds as usize].replace("ntos", "ntas")),
        _ => said.push(HUNDREDS[hundreds as usize].to_owned()),
    }
    match (rest, rest % 10) {
        (0, _) => {}
        (..20, _) => said.push(small(rest, fem).into()),
        (_, 0) => said.push(TENS[rest as usize / 10].into()),
        (_, unit) => said.push(format!("{} e {}", TENS[rest as usize / 10], small(unit, fem))),
    }
    said.join(" e ")
}

/// Whether "e" stands before a last group.
fn joined(rest: u64) -> bool {
    rest <= 100 || rest.is_multiple_of(100)
}

fn below_million(n: u64, fem: bool) -> String {
    let rest = below_1000(n % 1000, fem);
    let thousands = match n / 1000 {
        0 => return rest,
        1 => "mil".to_owned(),
        thousands => below_1000(thousands, fem) + " mil",
    };
    match n % 1000 {
        0 => thousands,
        low if joined(low) => format!("{thousands} e {rest}"),
        _ => format!("{thousands} {rest}"),
    }
}

fn cardinal(n: u64, form: Form) -> String {
    if n == 0 {
        return SMALL[0].into();
    }
    let mut said = String::new();
    for (count, one, many) in [
        (n / 1_000_000_000_000, "bilião", "biliões"),
        (n / 1_000_000 % 1_000_000, "milhão", "milhões"),
    ] {
        if count > 0 {
            if !said.is_empty() {
                said += if joined(count) { " e " } else { " " };
            }
            said += &below_million(count, false);
            said = said + " " + if count == 1 { one } else { many };
        }
    }
    let rest = n % 1_000_000;
    if rest > 0 {
        if !said.is_empty() {
            let last = if rest >= 1000 { rest / 1000 } else { rest };
            said += if joined(last) && (rest < 1000 || rest.is_multiple_of(1000)) {
                " e "
            } else {
                " "
            };
        }
        said += &below_million(rest, form == Form::Of(Gender::Fem));
    }
    said
}

const ORDINALS: [[&str; 10]; 3] = [
    [
        "", "primeiro", "segundo", "terceiro", "quarto", "quinto", "sexto", "sétimo", "oitavo", "nono",
    ],
    [
        "",
        "décimo",
        "vigésimo",
        "trigésimo",
        "quadragésimo",
        "quinquagésimo",
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
        "quadringentésimo",
        "quingentésimo",
        "seiscentésimo",
        "septingentésimo",
        "octingentésimo",
        "nongentésimo",
    ],
];

/// Above 999 what people say is the cardinal.
fn ordinal(n: u64, gender: Gender) -> String {
    let said = match n {
        1000 => "milésimo".to_owned(),
        1_000_000 => "milionésimo".to_owned(),
        0 | 1000.. => return cardinal(n, Form::Alone),
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
        plus: "mais",
        equals: "igual a",
        times: "por",
        and: "e",
        percent: "por cento",
        per_mille: "por mil",
        point: "ponto",
        comma: "vírgula",
        to: "a",
        score: "a",
        out_of: "de",
        degrees: "graus",
        about: "cerca de",
        number: "número",
        section: "seção",
        less: "menor que",
        greater: "maior que",
        fractions: ["meio", "um terço", "dois terços", "um quarto", "três quartos"],
        per: "por",
        at: "arroba",
        dot: "ponto",
        slash: "barra",
        dash: "hífen",
        underscore: "sublinhado",
        hashtag: "hashtag",
    },
    months: [
        "janeiro",
        "fevereiro",
        "março",
        "abril",
        "maio",
        "junho",
        "julho",
        "agosto",
        "setembro",
        "outubro",
        "novembro",
        "dezembro",
    ],
    currencies: [
        (m("dólar", "dólares"), m("centavo", "centavos")),
        (m("euro", "euros"), m("cêntimo", "cêntimos")),
        (f("libra", "libras"), m("pêni", "pence")),
        (m("iene", "ienes"), m("sen", "sen")),
        (m("franco", "francos"), m("cêntimo", "cêntimos")),
        (m("real", "reais"), m("centavo", "centavos")),
    ],
    hundredths: (" e ", false),
    scales: &[
        "mil",
        "milhão",
        "milhões",
        "bilhão",
        "bilhões",
        "bilião",
        "biliões",
        "trilhão",
        "trilhões",
    ],
    scale_link: (" de ", " de "),
    units: &[
        ("km/h", m("quilômetro por hora", "quilômetros por hora")),
        ("m/s", m("metro por segundo", "metros por segundo")),
        ("km²", m("quilômetro quadrado", "quilômetros quadrados")),
        ("m²", m("metro quadrado", "metros quadrados")),
        ("cm²", m("centímetro quadrado", "centímetros quadrados")),
        ("m³", m("metro cúbico", "metros cúbicos")),
        ("km", m("quilômetro", "quilômetros")),
        ("cm", m("centímetro", "centímetros")),
        ("mm", m("milímetro", "milímetros")),
        ("m", m("metro", "metros")),
        ("ha", m("hectare", "hectares")),
        ("kg", m("quilo", "quilos")),
        ("mg", m("miligrama", "miligramas")),
        ("g", m("grama", "gramas")),
        ("t", f("tonelada", "toneladas")),
        ("ml", m("mililitro", "mililitros")),
        ("l", m("litro", "litros")),
        ("°C", m("grau Celsius", "graus Celsius")),
        ("ºC", m("grau Celsius", "graus Celsius")),
        ("°F", m("grau Fahrenheit", "graus Fahrenheit")),
        ("°", m("grau", "graus")),
        ("h", f("hora", "horas")),
        ("min", m("minuto", "minutos")),
        ("ms", m("milissegundo", "milissegundos")),
        ("s", m("segundo", "segundos")),
        ("kWh", m("quilowatt-hora", "quilowatts-hora")),
        ("MWh", m("megawatt-hora", "megawatts-hora")),
        ("kW", m("quilowatt", "quilowatts")),
        ("MW", m("megawatt", "megawatts")),
        ("GW", m("gigawatt", "gigawatts")),
        ("W", m("watt", "watts")),
        ("V", m("volt", "volts")),
        ("Hz", m("hertz", "hertz")),
        ("kHz", m("quilohertz", "quilohertz")),
        ("MHz", m("megahertz", "megahertz")),
        ("GHz", m("gigahertz", "gigahertz")),
        ("dB", m("decibel", "decibéis")),
        ("hPa", m("hectopascal", "hectopascais")),
        ("Mbit/s", m("megabit por segundo", "megabits por segundo")),
        ("kB", m("quilobyte", "quilobytes")),
        ("KB", m("quilobyte", "quilobytes")),
        ("MB", m("megabyte", "megabytes")),
        ("GB", m("gigabyte", "gigabytes")),
        ("TB", m("terabyte", "terabytes")),
        ("CV", m("cavalo", "cavalos")),
        ("kcal", f("quilocaloria", "quilocalorias")),
    ],
    abbreviations: &[
        ("Sr.", "senhor", Any),
        ("Sra.", "senhora", Any),
        ("Srs.", "senhores", Any),
        ("Srta.", "senhorita", Any),
        ("Dr.", "doutor", Any),
        ("Dra.", "doutora", Any),
        ("Drs.", "doutores", Any),
        ("Prof.", "professor", Any),
        ("Profa.", "professora", Any),
        ("Eng.", "engenheiro", Name),
        ("Gen.", "general", Name),
        ("Cel.", "coronel", Name),
        ("Cap.", "capitão", Name),
        ("cap.", "capítulo", Digit),
        ("Sto.", "santo", Name),
        ("Sta.", "santa", Name),
        ("etc.", "et cetera", Last),
        ("p. ex.", "por exemplo", Any),
        ("i.e.", "isto é", Any),
        ("aprox.", "aproximadamente", Any),
        ("a.C.", "antes de Cristo", Last),
        ("d.C.", "depois de Cristo", Last),
        ("Av.", "avenida", Any),
        ("núm.", "número", Any),
        ("séc.", "século", Any),
        ("n.º", "número", Digit),
        ("nº", "número", Digit),
        ("N.º", "número", Digit),
        ("Nº", "número", Digit),
        ("n°", "número", Digit),
        ("n.", "número", Digit),
        ("pág.", "página", Any),
        ("págs.", "páginas", Any),
        ("vol.", "volume", Digit),
        ("art.", "artigo", Digit),
        ("tel.", "telefone", Any),
        ("Tel.", "telefone", Any),
        ("vs.", "contra", Any),
        ("máx.", "máximo", Any),
        ("mín.", "mínimo", Any),
        ("Ltda.", "limitada", Last),
        ("Cia.", "companhia", Last),
        ("V. Ex.ª", "vossa excelência", Any),
        ("EUA", "Estados Unidos", Any),
        ("E.U.A.", "Estados Unidos", Last),
        ("depto.", "departamento", Any),
    ],
    odd_nouns: &[
        "dia",
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
        "grama",
        "mão",
        "mãos",
        "vez",
        "mulher",
        "noite",
        "cidade",
        "parte",
        "voz",
        "classe",
        "unidade",
        "edição",
        "edições",
        "região",
        "regiões",
        "foto",
        "moto",
        "questão",
        "questões",
        "irmã",
    ],
    centuries: &["século", "séculos"],
};
