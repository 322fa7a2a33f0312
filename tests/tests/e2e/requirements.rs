//! The table of requirements and their tests is complete and names what is there.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use xtask::stack;

const KINDS: [(&str, usize); 4] = [("US", 3), ("FR-", 15), ("SC-", 10), ("VC-", 7)];

fn table() -> Result<String> {
    std::fs::read_to_string(stack::repository().join("tests/README.md")).context("there is no tests/README.md")
}

/// `US1`, `FR-001`, …
fn ids() -> BTreeSet<String> {
    let of_kind = |(kind, last): (&str, usize)| -> Vec<String> {
        let id = |number: usize| match kind {
            "US" => format!("{kind}{number}"),
            _ => format!("{kind}{number:03}"),
        };
        (1..=last).map(id).collect()
    };
    KINDS.into_iter().flat_map(of_kind).collect()
}

#[test]
fn every_requirement_has_a_row_that_says_what_sees_it() -> Result<()> {
    let text = table()?;
    let mut found = BTreeSet::new();
    for row in text
        .lines()
        .filter(|line| KINDS.iter().any(|(kind, _)| line.starts_with(&format!("| {kind}"))))
    {
        let mut cells = row.trim_matches('|').split('|').map(str::trim);
        let (Some(id), Some(_what), Some(seen)) = (cells.next(), cells.next(), cells.next()) else {
            continue;
        };
        ensure!(
            seen.contains('`') || seen.contains("not seen"),
            "{id} says nothing: {seen}"
        );
        ensure!(found.insert(id.to_owned()), "{id} has two rows");
    }
    let ids = ids();
    let missing: Vec<&String> = ids.difference(&found).collect();
    ensure!(missing.is_empty(), "no row in tests/README.md: {missing:?}");
    let unknown: Vec<&String> = found.difference(&ids).collect();
    ensure!(
        unknown.is_empty(),
        "rows of tests/README.md that nobody asked for: {unknown:?}"
    );
    Ok(())
}

#[test]
fn every_test_that_is_named_is_there() -> Result<()> {
    let text = table()?;
    let quoted: Vec<&str> = text.split('`').skip(1).step_by(2).collect();
    let mut count = 0;
    for pair in quoted
        .windows(2)
        .filter(|pair| pair[0].ends_with(".rs") && !pair[1].contains('/'))
    {
        let (file, test) = (pair[0], pair[1]);
        let is_name = test
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if !is_name {
            continue;
        }
        let source =
            std::fs::read_to_string(stack::repository().join(file)).with_context(|| format!("{file} is not there"))?;
        // Between the attribute and the name there may be others, such as a condition.
        let (before, _) = source
            .split_once(&format!("fn {test}("))
            .with_context(|| format!("{file} has no {test}"))?;
        let nearby: Vec<&str> = before.lines().rev().take(4).collect();
        let is_test = nearby
            .iter()
            .any(|line| line.contains("test]") || line.contains("test("));
        ensure!(is_test, "{test} in {file} is no test");
        count += 1;
    }
    ensure!(count > 30, "only {count} tests were found in the table");
    Ok(())
}
