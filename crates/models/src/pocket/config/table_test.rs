use std::collections::BTreeMap;
use std::path::Path;

use super::{NAMES, default_voice, for_language};
use crate::pocket::config::Config;

/// The package's own files, as one JSON object.
fn original() -> BTreeMap<String, Config> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pocket/models.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn every_model_of_the_original_is_in_the_table_and_the_same() {
    let original = original();
    let mut names: Vec<&str> = NAMES.to_vec();
    names.sort_unstable();
    assert_eq!(names, original.keys().map(String::as_str).collect::<Vec<_>>());
    for (name, theirs) in original {
        assert_eq!(Config::named(&name).unwrap(), theirs, "{name}");
    }
}

#[test]
fn every_model_is_possible() {
    for name in NAMES {
        Config::named(name).unwrap().check(Path::new(name)).unwrap();
    }
    assert!(Config::named("klingon").is_none());
}

#[test]
fn languages_have_a_model_and_a_voice() {
    assert_eq!(for_language("pt"), Some("portuguese"));
    assert_eq!(for_language("xx"), None);
    assert_eq!(default_voice("english_2m_2026-10"), "alba");
    for (code, voice) in [("de", "juergen"), ("nl", "daan"), ("fr", "estelle")] {
        let name = for_language(code).unwrap();
        assert!(NAMES.contains(&name));
        assert_eq!(default_voice(name), voice);
        assert_eq!(default_voice(&format!("{name}_24l")), voice);
    }
}
