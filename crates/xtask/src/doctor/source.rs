//! What building and running from source needs.

use super::{Row, State};
use crate::needs::{NEEDS, Need, Scope};
use crate::{compile, install, ports};

const PARTS: [(Scope, &str); 5] = [
    (Scope::Run, "To build and run"),
    (Scope::Test, "For the tests as well"),
    (Scope::Pages, "For the tests of web pages, skipped without it"),
    (Scope::Chain, "For the test that dubs real speech, skipped without it"),
    (Scope::Cloud, "For the rehearsal of a deployment"),
];

/// What is there and what is not, and how all of it is installed in one go.
pub(super) fn rows() -> (Vec<Row>, Vec<String>) {
    let cargo = compile::command(&["--version"]).output().ok();
    let cargo = cargo.and_then(|output| String::from_utf8(output.stdout).ok());
    let mut rows = vec![Row::new(
        "Rust",
        "cargo",
        State::Ok,
        cargo.as_deref().map_or("unknown", str::trim),
    )];
    let mut missing: Vec<&Need> = Vec::new();
    for (scope, title) in PARTS {
        for need in NEEDS.iter().filter(|need| need.scope == scope) {
            let (state, found) = match need.find() {
                Ok(found) => (State::Ok, found),
                Err(found) => {
                    missing.push(need);
                    let state = match scope {
                        Scope::Pages | Scope::Chain | Scope::Cloud => State::Absent,
                        Scope::Run | Scope::Test => State::Missing,
                    };
                    (state, found)
                }
            };
            let row = Row::new(title, need.name(), state, found).needed(need.reason);
            rows.push(row.get(install::advice(&[need]).join(" && ")));
        }
    }
    let taken = ports::USUAL.taken();
    if taken.is_empty() {
        rows.push(Row::new("Ports", "usual ports", State::Ok, "free"));
    }
    for sentence in taken {
        let row = Row::new("Ports", "usual ports", State::Absent, sentence).needed("`cargo xtask up`");
        rows.push(row.get("end what holds it; `cargo xtask demo` takes another by itself"));
    }
    let mut advice = Vec::new();
    if !missing.is_empty() {
        advice.push("`cargo xtask demo` and `cargo xtask test` install it; all of it by hand:\n".to_owned());
        advice.extend(
            install::advice(&missing)
                .into_iter()
                .map(|command| format!("  {command}\n")),
        );
    }
    (rows, advice)
}
