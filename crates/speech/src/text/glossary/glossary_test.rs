use std::convert::Infallible;
use std::fs;

use proptest::prelude::*;

use super::*;

fn glossary(lines: &[(&str, &str)]) -> Glossary {
    let text: String = lines
        .iter()
        .map(|(term, translation)| format!("{term}\t{translation}\n"))
        .collect();
    Glossary::parse(&text).expect("a glossary")
}

fn translated(glossary: &Glossary, text: &str, model: impl Fn(&str) -> String) -> String {
    let mut ask = |text: &str| Ok::<_, Infallible>(model(text));
    glossary.translate(text, "es", &mut ask).expect("no error")
}

#[test]
fn a_file_is_read_and_its_faults_are_named() {
    let glossary =
        Glossary::parse("\u{feff}# names\r\nRed Devils\tDiablos Rojos\tes\r\n\r\n Ajax \t Ajax \t\n").expect("good");
    assert_eq!((glossary.len(), glossary.is_empty()), (2, false));
    for (text, line, column, why) in [
        ("a\tb\nlonely", 2, 2, "no tab"),
        ("\tb", 1, 1, "the term is empty"),
        ("a\t \n", 1, 2, "the translation is empty"),
        ("a\tb\tspanish!", 1, 3, "no language tag"),
        ("a\tb\tes\tx", 1, 4, "too many"),
        ("---\tb", 1, 1, "no letter"),
        ("a\tb\n# c\nA\tc", 3, 1, "on line 1 already"),
        (&format!("{}\tb", "x".repeat(101)), 1, 1, "101 characters"),
        (&format!("x\t{}", "x".repeat(201)), 1, 2, "201 characters"),
        ("a\u{1}b\tb", 1, 1, "control"),
        (
            &(0..2001).map(|n| format!("t{n}\tx\n")).collect::<String>(),
            2001,
            1,
            "more than 2000",
        ),
    ] {
        let fault = Glossary::parse(text).expect_err("bad");
        assert_eq!((fault.line, fault.column), (line, column), "{fault}");
        assert!(fault.to_string().contains(why), "{fault}");
    }
}

#[test]
fn terms_are_found_as_words_the_longest_first() {
    let glossary = glossary(&[
        ("Red", "Rojo"),
        ("Red Devils", "Diablos Rojos"),
        ("C++", "ce más más"),
        ("São Paulo", "San Pablo"),
    ]);
    for (text, applied) in [
        ("The red devils play.", "The Diablos Rojos play."),
        ("RED  DEVILS, red!", "Diablos Rojos, Rojo!"),
        ("Redder is no red-hot thing", "Redder is no Rojo-hot thing"),
        ("I like c++.", "I like ce más más."),
        ("SÃO PAULO's mayor", "San Pablo's mayor"),
        ("nothing", "nothing"),
    ] {
        assert_eq!(glossary.apply(text, "es").text, applied);
    }
    assert!(glossary.apply("nothing", "es").is_empty());
}

#[test]
fn a_row_may_hold_for_one_language() {
    let glossary = Glossary::parse("goal\tgol\tes\ngoal\tTor\tde\ngoal\tbut\n").expect("good");
    assert_eq!(glossary.apply("goal", "es-MX").text, "gol");
    assert_eq!(glossary.apply("goal", "de").text, "Tor");
    assert_eq!(glossary.apply("goal", "fr").text, "but");
    assert_eq!(glossary.prompt().as_deref(), Some("goal."));
}

#[test]
fn what_the_model_did_to_a_term_is_mended() {
    let glossary = glossary(&[
        ("Red Devils", "Diablos Rojos"),
        ("keeper", "guardameta"),
        ("Ajax", "Ajax"),
    ]);
    let text = "The Red Devils beat Ajax.";
    for (model, said) in [
        (
            "Los Diablos Rojos vencieron al Ajax.",
            "Los Diablos Rojos vencieron al Ajax.",
        ),
        (
            "Los diablos rojos vencieron al AJAX.",
            "Los Diablos Rojos vencieron al Ajax.",
        ),
        (
            "Los Diabolos Rojas vencieron al Ajaxx.",
            "Los Diablos Rojos vencieron al Ajax.",
        ),
        // Too far from it: piece by piece.
        ("Los hombres.", "[The] Diablos Rojos [beat] Ajax."),
    ] {
        let model = |asked: &str| match asked {
            "The Diablos Rojos beat Ajax." => model.to_owned(),
            piece => format!("[{piece}]."),
        };
        assert_eq!(translated(&glossary, text, model), said);
    }
    // A small translation keeps the capital of a sentence's start.
    assert_eq!(
        translated(&glossary, "Keeper!", |_| "Guardameta!".into()),
        "Guardameta!"
    );
    assert_eq!(
        translated(&glossary, "The keeper!", |_| "El GUARDAMETA!".into()),
        "El guardameta!"
    );
}

#[test]
fn the_prompt_has_whole_terms_and_a_bound() {
    assert_eq!(Glossary::default().prompt(), None);
    assert_eq!(
        glossary(&[("Ajax", "x"), ("Red Devils", "y")]).prompt().as_deref(),
        Some("Ajax, Red Devils.")
    );
    let many: String = (0..100).map(|n| format!("Term number {n}\tx\n")).collect();
    let prompt = Glossary::parse(&many).expect("good").prompt().expect("terms");
    assert!(prompt.chars().count() <= MAX_PROMPT && prompt.ends_with('.') && prompt.len() > 350);
}

#[test]
fn a_directory_of_glossaries_follows_its_files() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("secret.tsv"), "a\tb\n").expect("written");
    let streams = dir.path().join("streams");
    fs::create_dir_all(streams.join("folder.tsv")).expect("made");
    let file = streams.join("main.tsv");
    let all = Glossaries::new(Some(streams.clone()));

    assert!(all.of("main").glossary.is_empty());
    fs::write(&file, "Ajax\tAjax\n").expect("written");
    assert_eq!(all.of("main").glossary.len(), 1);

    fs::write(&file, "Ajax\tAjax\nbad line\n").expect("written");
    let found = all.of("main");
    let problem = found.problem.expect("a problem").to_string();
    assert!(
        problem.ends_with("main.tsv: line 2, column 2: no tab and translation after the term"),
        "{problem}"
    );
    // The one before stays in force, and the log is not flooded.
    assert_eq!(found.glossary.len(), 1);
    assert!(all.of("main").problem.is_none());

    fs::write(&file, "Ajax\tAjax\nPSV\tPSV\n").expect("written");
    assert_eq!(all.of("main").glossary.len(), 2);
    // Of the same size, but later.
    fs::write(&file, "Ajax\tAjax\nPSV,\tPS\n").expect("written");
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(9);
    fs::File::options()
        .append(true)
        .open(&file)
        .expect("open")
        .set_modified(later)
        .expect("set");
    assert_eq!(all.of("main").glossary.apply("PSV, and", "es").text, "PS and");
    fs::remove_file(&file).expect("removed");
    assert!(all.of("main").glossary.is_empty());

    fs::write(&file, b"Ajax\tAjax\nA\tZ\xff\n").expect("written");
    assert!(
        all.of("main")
            .problem
            .expect("a problem")
            .to_string()
            .contains("line 2, column 2: it is not UTF-8")
    );
    fs::write(&file, vec![b'#'; 256 * 1024 + 1]).expect("written");
    assert!(
        all.of("main")
            .problem
            .expect("a problem")
            .to_string()
            .contains("larger than 262144 bytes")
    );
    assert!(matches!(all.of("folder").problem, Some(Error::File { .. })));

    for stream in ["../secret", "..", "", "a/b", "main.tsv", "a\\b", "ä", &"x".repeat(65)] {
        let found = all.of(stream);
        assert!(
            matches!(found.problem, Some(Error::Stream(_))) && found.glossary.is_empty(),
            "{stream}"
        );
    }
    assert!(Glossaries::new(None).of("../secret").problem.is_none());
}

fn entry() -> impl Strategy<Value = (String, String)> {
    (
        "[A-Za-zäéß+][a-zé'.-]{0,6}( [a-z]{1,5})?",
        "[A-Zñ¿][a-zñ]{2,7}( [A-Z][a-z]{1,6})?",
    )
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        let _ = Glossary::parse(&text);
        let _ = Glossary::parse(&text.replace(' ', "\t"));
    }

    /// Whatever the model answers, every term of the source comes out as its translation.
    #[test]
    fn terms_survive_any_model(
        entries in prop::collection::vec(entry(), 1..5),
        around in prop::collection::vec("[a-zA-Z,.!?'() ]{0,12}", 6),
        answers in prop::collection::vec(prop_oneof![any::<String>(), "[a-z]{1,6}( [a-z]{1,6}){0,5}\\."], 1..12),
    ) {
        let text: String = entries.iter().map(|(term, translation)| format!("{term}\t{translation}\n")).collect();
        let Ok(glossary) = Glossary::parse(&text) else { return Ok(()) };
        let source: String = entries.iter().zip(&around).map(|((term, _), around)| format!("{around} {} ", term.to_uppercase())).collect();
        let applied = glossary.apply(&source, "es");
        let mut n = 0;
        let mut model = |_: &str| {
            n += 1;
            Ok::<_, Infallible>(answers[n % answers.len()].clone())
        };
        let said = glossary.translate(&source, "es", &mut model).expect("no error");
        let repaired = applied.repair(&said);
        prop_assert_eq!(&repaired.text, &said);
        prop_assert!(repaired.missing.is_empty(), "{:?} not in {:?} of {:?}", repaired.missing, said, source);
    }

    /// Without terms nothing is touched.
    #[test]
    fn without_terms_nothing_changes(text in any::<String>(), answer in any::<String>()) {
        let glossary = glossary(&[("zzzyzzx", "nada")]);
        prop_assert_eq!(&glossary.apply(&text, "es").text, &text);
        prop_assert_eq!(translated(&glossary, &text, |_| answer.clone()), answer);
    }
}
