//! `doctor`: what was found, what is needed, how to get it.
//!
//! Without a mode it looks at what building and running from source needs; with one, at what the containers of that mode
//! need. Looking is one thing ([`look`], [`split`]), judging what was found another ([`judge`]).

mod judge;
#[cfg(test)]
mod judge_test;
mod look;
mod source;
mod split;

use std::fmt;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde_json::json;

/// `cargo xtask doctor`.
#[derive(Args)]
pub(crate) struct Doctor {
    /// Look at what `docker compose up` needs in this mode, instead of what building from source needs
    #[arg(long, value_enum)]
    mode: Option<Mode>,
    /// One JSON object instead of lines
    #[arg(long)]
    json: bool,
}

/// As the variable `MODE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// Everything here, without a GPU
    Cpu,
    /// Everything here, with an NVIDIA GPU (also for the GPU host of a split)
    Gpu,
    /// The streaming host of a split: speech is at SPEECH_URL
    Split,
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Gpu => "gpu",
            Self::Split => "split",
        }
    }
}

/// What is the matter with a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ok,
    /// Something goes without it.
    Absent,
    /// Nothing goes without it.
    Missing,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Absent => "absent",
            Self::Missing => "missing",
        }
    }
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    part: &'static str,
    name: String,
    state: State,
    found: String,
    needed: String,
    /// Empty where nothing has to be got.
    get: String,
}

impl Row {
    fn new(part: &'static str, name: impl Into<String>, state: State, found: impl Into<String>) -> Self {
        Self {
            part,
            name: name.into(),
            state,
            found: found.into(),
            needed: String::new(),
            get: String::new(),
        }
    }

    fn needed(self, needed: impl Into<String>) -> Self {
        Self {
            needed: needed.into(),
            ..self
        }
    }

    /// How to get it; of no interest where it is there.
    fn get(self, get: impl Into<String>) -> Self {
        match self.state {
            State::Ok => self,
            State::Absent | State::Missing => Self {
                get: get.into(),
                ..self
            },
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.state {
            State::Missing => "MISSING",
            state => state.name(),
        };
        write!(f, "  {mark:<7} {:<28} {}", self.name, self.found)?;
        if !self.needed.is_empty() {
            write!(f, "  (needed: {})", self.needed)?;
        }
        if !self.get.is_empty() {
            write!(f, "\n          to get it: {}", self.get)?;
        }
        Ok(())
    }
}

impl Doctor {
    /// Says what it found; exit 0 when nothing that is needed is missing, else 1.
    pub(crate) fn run(self) -> Result<ExitCode> {
        let (rows, advice) = match self.mode {
            None => source::rows(),
            Some(mode) => (judge::rows(mode, &look::facts(mode)), Vec::new()),
        };
        let is_good = rows.iter().all(|row| row.state != State::Missing);
        match self.json {
            true => println!("{:#}", report(self.mode, is_good, &rows)),
            false => print!("{}", shown(&rows, &advice)),
        }
        Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn report(mode: Option<Mode>, is_good: bool, rows: &[Row]) -> serde_json::Value {
    let row = |row: &Row| {
        json!({
            "part": row.part,
            "name": row.name,
            "state": row.state.name(),
            "found": row.found,
            "needed": row.needed,
            "get": row.get,
        })
    };
    json!({
        "mode": mode.map(Mode::name),
        "ok": is_good,
        "rows": rows.iter().map(row).collect::<Vec<_>>(),
    })
}

fn shown(rows: &[Row], advice: &[String]) -> String {
    let mut text = String::new();
    let mut part = "";
    for row in rows {
        if row.part != part {
            part = row.part;
            text += &format!("{part}\n");
        }
        text += &format!("{row}\n");
    }
    let bad: Vec<&str> = rows
        .iter()
        .filter(|row| row.state != State::Ok)
        .map(|row| row.name.as_str())
        .collect();
    if bad.is_empty() {
        return text + "\nNothing is missing.\n";
    }
    text += &format!("\nMissing: {}\n", bad.join("; "));
    text + &advice.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_found_needed_and_how_to_get_it_and_so_does_the_json() {
        let rows = [
            Row::new("Docker", "docker", State::Ok, "27.1.1")
                .needed(">= 23")
                .get("unsaid"),
            Row::new("Docker", "compose", State::Missing, "not installed")
                .needed(">= 2.20")
                .get("a package"),
        ];
        assert_eq!(
            shown(&rows, &["  and so on\n".to_owned()]),
            "Docker\n  ok      docker                       27.1.1  (needed: >= 23)\n  \
             MISSING compose                      not installed  (needed: >= 2.20)\n          to get it: a package\n\n\
             Missing: compose\n  and so on\n"
        );
        let report = report(Some(Mode::Gpu), false, &rows);
        assert_eq!((&report["mode"], &report["ok"]), (&json!("gpu"), &json!(false)));
        assert_eq!(report["rows"][0]["get"], "");
        assert_eq!(report["rows"][1]["get"], "a package");
    }
}
