//! Which variables the programs, the images and the deployment know, as their sources name them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use xtask::stack;

/// Set by the system, not by an operator.
const OF_THE_SYSTEM: [&str; 3] = ["XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "HOME"];
/// What MediaMTX tells its hook; no program of ours reads one of its settings.
const TOLD_BY_MEDIAMTX: &str = "MTX_";

fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_uppercase())
        && chars.all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

/// Every variable that one of the programs reads.
///
/// A service reads its environment into one plain `struct Raw` of optional strings; the hook, which shares nothing with
/// them, asks for each by its name.
pub fn of_the_programs() -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for name in ["media", "speech", "router", "hook"] {
        let known = names.len();
        for file in rust_files(&stack::repository().join("crates").join(name).join("src"))? {
            let source = std::fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
            let source = source.split("#[cfg(test)]").next().unwrap_or_default();
            names.extend(match name {
                "hook" => asked_for(source),
                _ => fields_of_raw(source),
            });
        }
        ensure!(names.len() > known || name == "router", "{name} reads no variable");
    }
    let not_theirs = |name: &String| !OF_THE_SYSTEM.contains(&name.as_str()) && !name.starts_with(TOLD_BY_MEDIAMTX);
    Ok(names.into_iter().filter(not_theirs).collect())
}

fn rust_files(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir)
        .with_context(|| format!("list {}", dir.display()))?
        .flatten()
    {
        let path = entry.path();
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(files)
}

fn fields_of_raw(source: &str) -> BTreeSet<String> {
    let structs = source
        .split("struct Raw {")
        .skip(1)
        .filter_map(|rest| rest.split('}').next());
    let fields = structs
        .flat_map(str::lines)
        .filter_map(|line| line.trim().split_once(": Option<String>"));
    fields
        .map(|(name, _)| name.trim_start_matches("pub(crate) ").to_ascii_uppercase())
        .filter(|name| is_name(name))
        .collect()
}

fn asked_for(source: &str) -> BTreeSet<String> {
    let asks = [".text(\"", ".secret(\""]
        .into_iter()
        .flat_map(|ask| source.split(ask).skip(1));
    asks.filter_map(|rest| rest.split('"').next())
        .filter(|name| is_name(name))
        .map(str::to_owned)
        .collect()
}

/// What `.env.example` lists, also what is commented out as `#NAME=value`: name and value. It may list a variable several
/// times: each mode has a block of its own.
pub fn of_the_example() -> Result<Vec<(String, String)>> {
    let text = std::fs::read_to_string(stack::repository().join(".env.example")).context("there is no .env.example")?;
    let line = |line: &str| {
        let (name, value) = line.strip_prefix('#').unwrap_or(line).split_once('=')?;
        is_name(name).then(|| (name.to_owned(), value.to_owned()))
    };
    Ok(text.lines().filter_map(line).collect())
}

/// What the example sets where nothing is changed, for [`of_the_programs`]: the first value of each variable. An empty one
/// says that there is no default, and
/// a file is one that a mode's block wants.
pub fn defaults_of_the_example() -> Result<BTreeMap<String, String>> {
    let mut defaults = BTreeMap::new();
    for (name, value) in of_the_example()? {
        defaults.entry(name).or_insert(value);
    }
    defaults.retain(|name, value| !value.is_empty() && !name.ends_with("_FILE"));
    Ok(defaults)
}

/// What `compose.yaml` takes from outside, and what its containers get; nothing where there is no such file.
pub fn of_compose() -> Option<(BTreeSet<String>, BTreeSet<String>)> {
    let text = std::fs::read_to_string(stack::repository().join("compose.yaml")).ok()?;
    // A name may depend on what is set, as in KEY${KEY_FILE:+_FILE=/run/secrets/key}.
    let with = |value: Option<&str>| xtask::compose::services(&text, &|_| value.map(str::to_owned));
    let services = [with(None), with(Some("x"))].concat();
    let inside = services.into_iter().flat_map(|service| service.environment);
    Some((xtask::compose::variables(&text), inside.collect()))
}

/// What the images set: `NAME = …;` in their definition.
pub fn of_the_images() -> Result<BTreeSet<String>> {
    let file = stack::repository().join("nix/images.nix");
    let text = std::fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
    let names = text
        .lines()
        .filter_map(|line| line.trim().split_once(" = "))
        .map(|(name, _)| name.to_owned());
    Ok(names.filter(|name| is_name(name) && name.len() > 2).collect())
}

/// The variable that `name` is for: `NAME_FILE` is for `NAME`.
pub fn subject<'a>(name: &'a str, known: &BTreeSet<String>) -> &'a str {
    name.strip_suffix("_FILE")
        .filter(|subject| known.contains(*subject))
        .unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_found_in_sources() {
        let source = "#[derive(Deserialize)]\nstruct Raw {\n    /// Doc.\n    hold: Option<String>,\n    pub(crate) max_2: Option<String>,\n}\nstruct Other {\n    not_this: Option<String>,\n}";
        assert_eq!(fields_of_raw(source), ["HOLD", "MAX_2"].map(str::to_owned).into());
        let source = r#"vars.text("MODE"); vars.secret("A_KEY"); value("NOT_THIS"); vars.text(name); x.text("words")"#;
        assert_eq!(asked_for(source), ["A_KEY", "MODE"].map(str::to_owned).into());
    }
}
