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
    line(true, "cargo", cargo.as_deref().map_or("unknown", str::trim), "");

    let mut missing: Vec<&Need> = Vec::new();
    for (scope, title) in [(Scope::Run, "To build and run"), (Scope::Test, "For the tests as well")] {
        println!("{title}");
        for need in NEEDS.iter().filter(|need| need.scope == scope) {
            match need.find() {
                Ok(found) => line(true, &need.name(), &found, need.reason),
                Err(found) => {
                    line(false, &need.name(), &found, need.reason);
                    missing.push(need);
                }
            }
        }
    }

    println!("Ports");
    let taken = ports::USUAL.taken();
    match taken.is_empty() {
        true => line(true, "usual ports", "free", "`cargo xtask up` uses them"),
        false => {
            for sentence in &taken {
                line(false, "usual ports", sentence, "`up` needs it; `demo` takes another");
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
    Ok(ExitCode::FAILURE)
}

fn line(good: bool, name: &str, found: &str, reason: &str) {
    let mark = if good { "ok     " } else { "MISSING" };
    let reason = if reason.is_empty() {
        String::new()
    } else {
        format!("  ({reason})")
    };
    println!("  {mark} {name:<28} {found}{reason}");
}
