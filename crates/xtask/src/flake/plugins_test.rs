//! The one list of plugins (`nix/gstreamer.nix`) against the elements that the code makes.

use std::collections::BTreeSet;
use std::path::Path;

use crate::stack;

/// How GStreamer's elements end, as far as ours do.
const ENDS: [&str; 16] = [
    "src",
    "sink",
    "demux",
    "mux",
    "parse",
    "dec",
    "enc",
    "depay",
    "convert",
    "resample",
    "timestamper",
    "queue",
    "identity",
    "filter",
    "bin",
    "scale",
];
/// Words that end so and are none: pads, names of ours, MediaMTX's kinds of source.
const OTHERS: [&str; 10] = [
    "src",
    "sink",
    "ingest-video",
    "ingest-sound",
    "filter",
    "identity",
    "encode",
    "convert",
    "codec",
    "bin",
];

/// The elements that the list gives to `role`, `worker` or `tools`.
fn listed(text: &str, role: &str) -> BTreeSet<String> {
    let table = text.split("  plugins = [").nth(1).unwrap();
    let table = table.split("\n  ];").next().unwrap();
    table
        .split(&format!("{role} = ["))
        .skip(1)
        .flat_map(|rest| words(rest.split(']').next().unwrap()))
        .collect()
}

/// What stands in quotes, in lines that are code.
fn words(text: &str) -> Vec<String> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split('"').skip(1).step_by(2))
        .map(str::to_owned)
        .collect()
}

fn is_element(word: &str) -> bool {
    let plain = word
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    let av = ["avdec_", "avenc_"].iter().any(|start| word.starts_with(start));
    plain && !OTHERS.contains(&word) && (av || ENDS.iter().any(|end| word.ends_with(end)))
}

/// All words of the Rust files below `dir`.
fn source(dir: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.append(&mut source(&path));
        } else if path.extension().is_some_and(|suffix| suffix == "rs") {
            found.extend(words(&std::fs::read_to_string(&path).unwrap()));
        }
    }
    found
}

#[test]
fn the_worker_gets_exactly_the_elements_that_it_makes() {
    let root = stack::repository();
    let list = std::fs::read_to_string(root.join("nix/gstreamer.nix")).unwrap();
    let worker = listed(&list, "worker");
    let made = source(&root.join("crates/media/src/worker"));
    let elements: BTreeSet<_> = made.iter().filter(|word| is_element(word)).cloned().collect();
    assert_eq!(worker, elements);
}

#[test]
fn tools_and_tests_get_what_they_make() {
    let root = stack::repository();
    let list = std::fs::read_to_string(root.join("nix/gstreamer.nix")).unwrap();
    let worker = listed(&list, "worker");
    let tools = listed(&list, "tools");
    let mut made = BTreeSet::new();
    for dir in ["crates/probe/src", "crates/probe/tests", "tests/src", "tests/tests"] {
        made.append(&mut source(&root.join(dir)));
    }
    let unlisted: Vec<_> = made
        .iter()
        .filter(|word| is_element(word) && !worker.contains(*word) && !tools.contains(*word))
        .collect();
    assert!(unlisted.is_empty(), "not in nix/gstreamer.nix: {unlisted:?}");
    let unused: Vec<_> = tools.iter().filter(|element| !made.contains(*element)).collect();
    assert!(unused.is_empty(), "listed for tools, made by none: {unused:?}");
}
