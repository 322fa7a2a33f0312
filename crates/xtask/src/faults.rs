//! The table of what viewers got of each fault, from the rows that the scenarios left.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

/// Where the scenarios leave their rows, beside the binaries.
pub(crate) const ROWS: &str = "faults";

const COLUMNS: [(&str, &str); 6] = [
    ("without_picture_ms", "no picture"),
    ("without_sound_ms", "no sound"),
    ("silence_ms", "silence"),
    ("original_after_ms", "original after"),
    ("dub_back_ms", "dub back"),
    ("programme_back_ms", "programme back"),
];

/// The rows in `dir`, in the order of their names; none where no scenario ran.
pub(crate) fn rows(dir: &Path) -> Result<Vec<Value>> {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return Ok(Vec::new());
    };
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    let read = |file: &std::path::PathBuf| -> Result<Value> {
        let text = std::fs::read_to_string(file)?;
        serde_json::from_str(&text).with_context(|| format!("{} is no JSON", file.display()))
    };
    files.iter().map(read).collect()
}

/// The rows as a table in Markdown; times in milliseconds.
pub(crate) fn table(rows: &[Value]) -> String {
    let mut text = String::from("| fault, times in ms |");
    COLUMNS.iter().for_each(|(_, title)| _ = write!(text, " {title} |"));
    text.push_str(" other stream |\n|---|");
    COLUMNS.iter().for_each(|_| text.push_str("---:|"));
    text.push_str("---|\n");
    for row in rows {
        let measured = &row["measured"];
        _ = write!(text, "| {} |", row["fault"].as_str().unwrap_or("?"));
        for (name, _) in COLUMNS {
            match measured[name].as_f64() {
                Some(value) => _ = write!(text, " {value:.0} |"),
                None => text.push_str(" |"),
            }
        }
        _ = writeln!(text, " {} |", measured["bystander"].as_str().unwrap_or("?"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_line_for_each_fault() {
        let dir = tempfile::tempdir().unwrap();
        let row = r#"{"fault": "worker killed", "measured": {"silence_ms": 0.0, "bystander": "unharmed"}}"#;
        std::fs::write(dir.path().join("worker killed.json"), row).unwrap();
        let text = table(&rows(dir.path()).unwrap());
        let line = text.lines().last().unwrap();
        assert_eq!(line, "| worker killed | | | 0 | | | | unharmed |");
        assert!(rows(&dir.path().join("nowhere")).unwrap().is_empty());
    }
}
