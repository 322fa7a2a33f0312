//! `doctor`: what was found, what is needed, how to get it.

use std::process::ExitCode;

use anyhow::Result;

use crate::needs::{NEEDS, Need, Scope};
use crate::{compile, install, ports};

/// Prints the state of this machine; fails when something that is needed is missing.
pub(crate) fn run() -> Result<ExitCode> {
    println!("Rust");
    let cargo = compile::command(&["--version"]).output().ok();
    let cargo = cargo.and_then(|output| String::from_utf8(output.stdout).ok());
    line("ok", "cargo", cargo.as_deref().map_or("unknown", str::trim), "");

    let mut missing: Vec<&Need> = Vec::new();
    let parts = [
        (Scope::Run, "To build and run"),
        (Scope::Test, "For the tests as well"),
        (Scope::Pages, "For the tests of web pages, skipped without it"),
        (Scope::Chain, "For the test that dubs real speech, skipped without it"),
    ];
    for (scope, title) in parts {
        println!("{title}");
        for need in NEEDS.iter().filter(|need| need.scope == scope) {
            match need.find() {
                Ok(found) => line("ok", &need.name(), &found, need.reason),
                Err(found) => {
                    let mark = match scope {
                        Scope::Pages | Scope::Chain => "absent",
                        Scope::Run | Scope::Test => "MISSING",
                    };
                    line(mark, &need.name(), &found, need.reason);
                    missing.push(need);
                }
            }
        }
    }

    println!("Ports");
    let taken = ports::USUAL.taken();
    match taken.is_empty() {
        true => line("ok", "usual ports", "free", "`cargo xtask up` uses them"),
        false => {
            for sentence in &taken {
                line("TAKEN", "usual ports", sentence, "`up` needs it; `demo` takes another");
            }
        }
    }

    if missing.is_empty() {
        println!("\nNothing is missing.");
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "\nMissing: {}",
        missing.iter().map(|need| need.name()).collect::<Vec<_>>().join("; ")
    );
    println!("`cargo xtask demo` and `cargo xtask test` install it; by hand:");
    for command in install::advice(&missing) {
        println!("  {command}");
    }
    let needed = missing
        .iter()
        .any(|need| matches!(need.scope, Scope::Run | Scope::Test));
    Ok(if needed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn line(mark: &str, name: &str, found: &str, reason: &str) {
    let reason = if reason.is_empty() {
        String::new()
    } else {
        format!("  ({reason})")
    };
    println!("  {mark:<7} {name:<28} {found}{reason}");
}
