use super::*;

fn names(models: Vec<Model>) -> Vec<String> {
    models.into_iter().map(|model| model.name).collect()
}

#[test]
fn every_name_finds_its_model_and_no_two_are_alike() {
    let all = all();
    for model in &all {
        assert_eq!(find(&model.name).unwrap(), *model);
        assert!(
            model.parts.iter().any(|part| part.role == Role::Weights),
            "{}",
            model.name
        );
        assert!(
            all.iter().filter(|other| other.name == model.name).count() == 1,
            "{}",
            model.name
        );
    }
    assert_eq!(find("pocket-es").unwrap().name, "pocket-spanish");
    assert_eq!(find("madlad").unwrap().name, "madlad-400-3b");
    assert_eq!(
        find("opus-mt-en-ROMANCE").unwrap().repository,
        "Helsinki-NLP/opus-mt-en-ROMANCE"
    );
    for bad in [
        "whisper-huge",
        "opus-mt-en",
        "opus-mt-../x",
        "opus-mt-a-b-c",
        "pocket-xx",
        "",
    ] {
        assert!(matches!(find(bad), Err(Error::Unknown { .. })), "{bad}");
    }
}

#[test]
fn voices_for_non_commercial_use_are_left_out_and_the_default_is_the_languages_own() {
    for model in all().into_iter().filter(|model| model.purpose == Purpose::Synthesise) {
        let voices: Vec<Voice> = model.voices().collect();
        assert_eq!(voices[0].language, model.languages, "{}", model.name);
        assert!(
            !voices
                .iter()
                .any(|voice| ["jean", "cosette"].contains(&voice.name) || voice.licence.contains("NC"))
        );
        let required = model
            .parts
            .iter()
            .filter(|part| matches!(part.role, Role::Voice(_)) && !part.optional);
        assert_eq!(required.count(), 1, "{}", model.name);
    }
}

#[test]
fn pairs_ask_for_what_they_need() {
    let needed = |whisper: &str, pairs: &[&str]| {
        let pairs: Vec<String> = pairs.iter().map(|pair| (*pair).to_owned()).collect();
        for_pairs(whisper, &pairs).map(names)
    };
    assert_eq!(
        needed("whisper-base", &["en-es", "fr-pt-br", "en-es"]).unwrap(),
        [
            "whisper-base",
            "opus-mt-en-es",
            "pocket-spanish",
            "opus-mt-fr-pt",
            "pocket-portuguese"
        ]
    );
    assert_eq!(
        needed("whisper-base", &["es-en"]).unwrap(),
        ["whisper-base", "pocket-english"]
    );
    assert_eq!(
        needed("whisper-large-v3-turbo", &["es-en"]).unwrap(),
        ["whisper-large-v3-turbo", "opus-mt-es-en", "pocket-english"]
    );
    assert!(
        needed("whisper-base", &["en-ja"])
            .unwrap_err()
            .to_string()
            .contains("en, fr, de")
    );
    assert!(needed("whisper-base", &["english"]).is_err());
}
