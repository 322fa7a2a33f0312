use std::collections::HashMap;
use std::path::PathBuf;

use proptest::prelude::*;
use serde::Deserialize;

use super::*;

const MODELS: [&str; 6] = ["nmt_nfkc", "marks", "bpe", "bpe_bytes", "plain", "suffix"];

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/sentencepiece")
        .join(name)
}

fn model(name: &str) -> SentencePiece {
    SentencePiece::open(&path(&format!("{name}.model"))).unwrap()
}

/// What the original says; the script is beside it.
#[derive(Deserialize)]
struct Golden {
    texts: Vec<String>,
    models: HashMap<String, Rows>,
}

/// Numbers, pieces where one is unknown, normalised, decoded from numbers, from pieces where that differs.
type Row = (String, Option<Vec<String>>, String, String, Option<String>);

#[derive(Deserialize)]
struct Rows {
    rows: Vec<Row>,
    odd: Vec<(String, String)>,
}

fn numbers(row: &str) -> Vec<u32> {
    row.split_whitespace().map(|number| number.parse().unwrap()).collect()
}

#[test]
fn every_awkward_string_is_cut_as_by_the_original() {
    let golden: Golden = serde_json::from_slice(&std::fs::read(path("golden.json")).unwrap()).unwrap();
    for name in MODELS {
        let model = model(name);
        let rows = &golden.models[name];
        assert_eq!(rows.rows.len(), golden.texts.len());
        for (text, (ids, pieces, normalised, decoded, from_pieces)) in golden.texts.iter().zip(&rows.rows) {
            let ids = numbers(ids);
            assert_eq!(&model.normalise(text), normalised, "{name}: {text:?} normalised");
            let found = model.encode(text);
            let found_ids: Vec<u32> = found.iter().map(|piece| piece.id).collect();
            assert_eq!(found_ids, ids, "{name}: {text:?}");
            let found: Vec<&str> = found.iter().map(|piece| piece.text.as_str()).collect();
            if let Some(pieces) = pieces {
                assert_eq!(&found, pieces, "{name}: {text:?}");
            }
            assert_eq!(&model.decode(&ids), decoded, "{name}: {text:?} decoded");
            assert_eq!(
                &model.decode_pieces(found),
                from_pieces.as_ref().unwrap_or(decoded),
                "{name}: {text:?} pieces"
            );
        }
        for (ids, decoded) in &rows.odd {
            assert_eq!(&model.decode(&numbers(ids)), decoded, "{name}: {ids}");
        }
    }
}

#[test]
fn a_truncated_file_is_refused_or_a_whole_smaller_one() {
    for name in ["marks", "bpe"] {
        let bytes = std::fs::read(path(&format!("{name}.model"))).unwrap();
        for len in 0..bytes.len() {
            // A cut between two pieces leaves a valid file with fewer pieces; it must still work.
            match SentencePiece::from_bytes(&bytes[..len], &path(name)) {
                Ok(model) => drop(model.encode("the river <sep> ríos")),
                Err(error) => assert_eq!(error.code(), "model_malformed"),
            }
        }
    }
}

#[test]
fn a_file_of_another_kind_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("source.spm");
    for (content, why) in [
        (&b"{\"version\": \"1.0\"}"[..], "protobuf"),
        (b"", "no pieces"),
        (b"GGUF\x03\0\0\0", ""),
        (b"\x0a\x05\x0a\x01a\x18\x02\x12\x02\x18\x03", "model type 3"),
        (b"\x0a\x03\x0a\x01a", "unknown"),
        (b"\x0a\x05\x0a\x01a\x18\x02\x0a\x05\x0a\x01b\x18\x02", "second unknown"),
        (
            b"\x0a\x05\x0a\x01a\x18\x02\x0a\x03\x0a\x01b\x0a\x03\x0a\x01b",
            "the same",
        ),
        (b"\x0a\x05\x0a\x01a\x18\x07", "type 7"),
        (b"\x0a\x07\x0a\x00\x18\x02", "truncated"),
        (b"\x0a\x05\x0a\x01\xff\x18\x02", "UTF-8"),
        (b"\x0a\x0a\x0a\x01a\x18\x02\x15\0\0\xc0\x7f", "score NaN"),
        (b"\x0a\x05\x0a\x01a\x18\x02\x12\x03\x98\x02\x01", "<0x00> is missing"),
        (
            b"\x0a\x05\x0a\x01a\x18\x02\x1a\x04\x12\x02\xff\xff",
            "charsmap: truncated",
        ),
    ] {
        std::fs::write(&file, content).unwrap();
        let error = SentencePiece::open(&file).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("source.spm") && text.contains(why),
            "{text}, expected {why}"
        );
    }
    let error = SentencePiece::open(&dir.path().join("none.spm")).unwrap_err();
    assert_eq!(error.code(), "model_file");
}

proptest! {
    #[test]
    fn text_without_unknowns_comes_back_as_normalised(text in "\\PC{0,60}") {
        for name in MODELS {
            let model = model(name);
            let pieces = model.encode(&text);
            if pieces.iter().all(|piece| piece.id != model.unknown()) {
                let normalised = model.normalise(&text).replace(SPACE, " ");
                // What is put in front, or behind, of every text is not part of it.
                let decoded = model.decode(&pieces.iter().map(|piece| piece.id).collect::<Vec<_>>());
                prop_assert_eq!(decoded.trim(), normalised.trim(), "{}", name);
            }
        }
    }

    #[test]
    fn pieces_are_the_normalised_text_in_order(text in "[ a-z▁é<>sep😀\\u{3000}\\u{301}]{0,40}") {
        for name in ["nmt_nfkc", "bpe", "plain", "suffix"] {
            let model = model(name);
            let joined: String = model.encode(&text).into_iter().map(|piece| piece.text).collect();
            prop_assert_eq!(joined, model.normalise(&text));
        }
    }

    #[test]
    fn no_bytes_break_the_reader(at in 0usize..7200, with in proptest::collection::vec(any::<u8>(), 1..9), text in ".{0,20}") {
        let mut bytes = std::fs::read(path("marks.model")).unwrap();
        let at = at.min(bytes.len());
        bytes.splice(at..(at + with.len()).min(bytes.len()), with);
        if let Ok(model) = SentencePiece::from_bytes(&bytes, &path("marks.model")) {
            let ids = model.ids(&text);
            model.decode(&ids);
        }
    }

    #[test]
    fn no_rules_break_the_normaliser(at in 0usize..240_000, with in any::<[u8; 8]>(), text in "\\PC{0,20}") {
        let mut bytes = std::fs::read(path("nmt_nfkc.model")).unwrap();
        let at = at.min(bytes.len() - with.len());
        bytes[at..at + with.len()].copy_from_slice(&with);
        if let Ok(model) = SentencePiece::from_bytes(&bytes, &path("nmt_nfkc.model")) {
            model.encode(&text);
        }
    }
}
