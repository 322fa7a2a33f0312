use super::prepare;

fn check(lang: &str, cases: &[(&str, &str)]) {
    let wrong: Vec<String> = cases
        .iter()
        .filter(|(text, said)| prepare(text, lang) != *said)
        .map(|(text, said)| format!("{lang} {text:?}\n  is   {:?}\n  want {said:?}", prepare(text, lang)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn english() {
    check(
        "en",
        &[
            (
                "He ran the 4x100m relay, 6'2\" tall",
                "He ran the four by one hundred metres relay, six foot two tall",
            ),
            (
                "A 50/50 chance, 3/4 of it, call 911, 50¢",
                "A fifty fifty chance, three quarters of it, call nine one one, fifty cents",
            ),
            (
                "Pope Francis I. World War I was over.",
                "Pope Francis I. World War one was over.",
            ),
            (
                "We sold 1,234 cars.",
                "We sold one thousand two hundred and thirty-four cars.",
            ),
            (
                "It is -5 degrees, or 3.14.",
                "It is minus five degrees, or three point one four.",
            ),
            (
                "Agent 007 in room 101",
                "Agent zero zero seven in room one hundred and one",
            ),
            (
                "In 1999 and 2026, in the 1990s and the '80s",
                "In nineteen ninety-nine and twenty twenty-six, in the nineteen nineties and the 'eighties",
            ),
            ("the 3rd, 21st and 12th", "The third, twenty-first and twelfth"),
            (
                "At 14:30, 9:05 or 2:00, at 2 p.m.",
                "At fourteen thirty, nine oh five or two o'clock, at two PM.",
            ),
            (
                "2026-05-12 and 05/12/2026",
                "May twelfth, twenty twenty-six and May twelfth, twenty twenty-six",
            ),
            ("31/12/2026", "December thirty-first, twenty twenty-six"),
            (
                "On May 5, 2024 and 12 June",
                "On May fifth, twenty twenty-four and the twelfth of June",
            ),
            ("10–12 people, 10-12%", "Ten to twelve people, ten to twelve percent"),
            (
                "They won 3-1 and 2-2, in a 4-3-3",
                "They won three one and two two, in a four three three",
            ),
            (
                "$3.50, €5 million, £1, $2bn and 100 USD",
                "Three dollars and fifty cents, five million euros, one pound, two billion dollars and one hundred dollars",
            ),
            ("$10-12 or $1,000", "Ten to twelve dollars or one thousand dollars"),
            (
                "120 km/h, 5kg, 1 m, 20 m², 25 °C, 16 GB",
                "One hundred and twenty kilometres per hour, five kilograms, one metre, twenty square metres, twenty-five degrees Celsius, sixteen gigabytes",
            ),
            (
                "Call +44 20 7946 0000 or 555-1234.",
                "Call plus four four, two zero, seven nine four six, zero zero zero zero or five five five, one two three four.",
            ),
            (
                "account 12345678901",
                "Account one two three four five six seven eight nine zero one",
            ),
            (
                "Dr. Smith met Mr. Jones in St. Louis, etc.",
                "Doctor Smith met Mister Jones in Saint Louis, et cetera.",
            ),
            ("On Main St. The end.", "On Main Street. The end."),
            (
                "The U.S.A. and NATO, the EU and the BBC",
                "The USA and NATO, the EU and the BBC",
            ),
            ("He lives in the U.S.", "He lives in the US."),
            ("George W. Bush and J.K. Rowling", "George W Bush and JK Rowling"),
            (
                "Louis XIV, World War II and Part III; Charles I think",
                "Louis the fourteenth, World War two and Part three; Charles I think",
            ),
            (
                "Write to info@example.com or see https://www.example.org/news.",
                "Write to info at example dot com or see example dot org slash news.",
            ),
            ("@jane #GoTeam", "At jane hashtag GoTeam"),
            ("R&D + 5 = 7", "R and D plus five equals seven"),
            ("😀 Hello <i>world</i> ♪", "Hello world"),
            ("HELLO FROM THE BBC NEWSROOM", "Hello from the BBC newsroom"),
            ("hello there. i'm fine", "Hello there. I'm fine"),
            (
                "COVID-19, G20, 5G and MP3",
                "COVID-nineteen, G twenty, five G and MP three",
            ),
            ("8/10, 1/2 and 24/7", "Eight out of ten, a half and twenty-four seven"),
            (
                "No. 5 is 2½ metres, version 2.0.1",
                "Number five is two point five metres, version two point zero point one",
            ),
            ("a 5-year plan, 3x4", "A five-year plan, three by four"),
            ("Costs .5 now", "Costs zero point five now"),
            ("nothing to do here, at all", "Nothing to do here, at all"),
            ("Nothing to do   here , really ?", "Nothing to do here, really?"),
            ("He left. 20 people stayed", "He left. Twenty people stayed"),
            ("", ""),
        ],
    );
}

#[test]
fn french() {
    check(
        "fr",
        &[
            (
                "Il a 71 ans et 1 234 567 euros.",
                "Il a soixante et onze ans et un million deux cent trente-quatre mille cinq cent soixante-sept euros.",
            ),
            ("3,14 et 2,5 kg", "Trois virgule quatorze et deux virgule cinq kilos"),
            (
                "le 1er mai, le 1 mai, la 1re fois, le 2e",
                "Le premier mai, le premier mai, la première fois, le deuxième",
            ),
            (
                "à 14h30, à 14:00, 21 h 05",
                "À quatorze heures trente, à quatorze heures, vingt et une heures cinq",
            ),
            ("12/05/2026", "Douze mai deux mille vingt-six"),
            (
                "21 personnes, 1 heure, 50 %",
                "Vingt et une personnes, une heure, cinquante pour cent",
            ),
            (
                "3,50 €, 5 millions €, 1 000 000 €",
                "Trois euros cinquante, cinq millions d'euros, un million d'euros",
            ),
            (
                "M. Dupont et Mme Martin, n° 5",
                "Monsieur Dupont et madame Martin, numéro cinq",
            ),
            (
                "Louis XIV au XVIIe siècle, François Ier",
                "Louis quatorze au dix-septième siècle, François premier",
            ),
            ("06 12 34 56 78", "Zéro six, un deux, trois quatre, cinq six, sept huit"),
            ("de 10-12 km/h", "De dix à douze kilomètres heure"),
        ],
    );
}

#[test]
fn german() {
    check(
        "de",
        &[
            (
                "In der 90. Minute, 100%ig",
                "In der neunzigsten Minute, einhundert Prozentig",
            ),
            (
                "Am 3. Oktober 1990, der 3. Platz, 3. Oktober",
                "Am dritten Oktober neunzehnhundertneunzig, der dritte Platz, dritter Oktober",
            ),
            (
                "Es waren 3. Dann 12.05.2026",
                "Es waren drei. Dann zwölfter Mai zweitausendsechsundzwanzig",
            ),
            (
                "am 12.5. um 14:30 Uhr, 9.05 Uhr, 1:00",
                "am zwölften Mai um vierzehn Uhr dreißig, neun Uhr fünf, ein Uhr",
            ),
            (
                "1.234,5 km und 1 Stunde, 1 Haus",
                "Eintausendzweihundertvierunddreißig Komma fünf Kilometer und eine Stunde, ein Haus",
            ),
            (
                "z.B. 5 Mio. €, z. B. 3,50 €, ca. 50%",
                "Zum Beispiel fünf Millionen Euro, zum Beispiel drei Euro fünfzig, circa fünfzig Prozent",
            ),
            ("bzw. Dr. Müller usw.", "Beziehungsweise Doktor Müller und so weiter."),
            ("3:1 und 10-12", "Drei zu eins und zehn bis zwölf"),
            (
                "eine 20jährige in den 90er Jahren",
                "eine zwanzigjährige in den neunziger Jahren",
            ),
            (
                "Ludwig XIV. war König, Elisabeth II.",
                "Ludwig der Vierzehnte war König, Elisabeth die Zweite.",
            ),
            (
                "20 m², 5 °C, 100 km/h",
                "Zwanzig Quadratmeter, fünf Grad Celsius, einhundert Kilometer pro Stunde",
            ),
        ],
    );
}

#[test]
fn spanish_and_portuguese() {
    check(
        "es",
        &[
            (
                "Siglos XIX y XX, son las 13:05 h. del día",
                "Siglos diecinueve y veinte, son las trece y cinco del día",
            ),
            (
                "1 casa, 21 casas, 1 día, 200 personas y 31 euros",
                "Una casa, veintiuna casas, un día, doscientas personas y treinta y un euros",
            ),
            (
                "1.234,5 km; 3,14",
                "Mil doscientos treinta y cuatro coma cinco kilómetros; tres coma catorce",
            ),
            (
                "a las 14:30, a las 2:00, la 1:15",
                "A las catorce y treinta, a las dos, la una y quince",
            ),
            (
                "el 12/05/2026, el 1 de mayo",
                "El doce de mayo de dos mil veintiséis, el uno de mayo",
            ),
            (
                "el 3º, la 3ª, el 1er, 25 ºC",
                "el tercero, la tercera, el primer, veinticinco grados Celsius",
            ),
            (
                "5 millones €, $1.000.000, 3,50 €",
                "Cinco millones de euros, un millón de dólares, tres euros con cincuenta",
            ),
            (
                "Sr. García y Sra. López, EE.UU. y la OTAN",
                "Señor García y señora López, Estados Unidos y la OTAN",
            ),
            (
                "Felipe VI, Luis XIV, siglo XXI, II Guerra Mundial",
                "Felipe sexto, Luis catorce, siglo veintiuno, segunda Guerra Mundial",
            ),
            ("10-12%", "Diez a doce por ciento"),
        ],
    );
    check(
        "pt-BR",
        &[
            ("Ganhou de 2x0 no séc. XIX", "Ganhou de dois a zero no século dezenove"),
            (
                "2 casas, 21 mulheres, 200 pessoas",
                "Duas casas, vinte e uma mulheres, duzentas pessoas",
            ),
            (
                "às 14h30, 14:00, 1.500 reais",
                "Às catorze e trinta, catorze horas, mil e quinhentos reais",
            ),
            (
                "R$ 3,50 e 5 milhões €",
                "Três reais e cinquenta e cinco milhões de euros",
            ),
            (
                "1 de maio, o 3º, 16 km",
                "Primeiro de maio, o terceiro, dezesseis quilômetros",
            ),
            ("D. João VI no século XIX", "D João sexto no século dezenove"),
        ],
    );
}

#[test]
fn italian_and_dutch() {
    check(
        "it",
        &[
            (
                "1 ora, 1 anno, 1 studente, 30 €/mese",
                "Un ora, un anno, uno studente, trenta euro al mese",
            ),
            (
                "1 casa, 1 libro, 21 case, il 3° posto, 25°",
                "Una casa, un libro, ventuno case, il terzo posto, venticinque gradi",
            ),
            (
                "1.234,50 € alle 14:30",
                "Milleduecentotrentaquattro euro e cinquanta alle quattordici e trenta",
            ),
            (
                "Papa Giovanni Paolo II nel XX secolo, l'1 maggio",
                "Papa Giovanni Paolo secondo nel ventesimo secolo, l'uno maggio",
            ),
            (
                "il Sig. Rossi, la dott.ssa Bianchi, ecc.",
                "il signor Rossi, la dottoressa Bianchi, eccetera.",
            ),
            ("5 milioni €", "Cinque milioni di euro"),
        ],
    );
    check(
        "nl",
        &[
            (
                "In 1999 waren er 21.000 mensen",
                "In negentienhonderdnegenennegentig waren er eenentwintigduizend mensen",
            ),
            (
                "om 14.30 uur, 3-1, 10-12 km",
                "Om veertien uur dertig, drie één, tien tot twaalf kilometer",
            ),
            (
                "de 3e, de 1e, 8ste, bijv. € 3,50",
                "De derde, de eerste, achtste, bijvoorbeeld drie euro vijftig",
            ),
            (
                "Koning Willem III, 12 mei 2026",
                "Koning Willem de Derde, twaalf mei tweeduizend zesentwintig",
            ),
        ],
    );
}

#[test]
fn other_languages_only_lose_markup() {
    check(
        "pl",
        &[
            ("<i>Cena</i> 5 zł 😀 , tak", "Cena 5 zł, tak"),
            ("日本語 123", "日本語 123"),
        ],
    );
}
