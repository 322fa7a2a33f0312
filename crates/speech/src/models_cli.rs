//! `dragoman-speech models fetch|verify|list`: the weights of the built-in models. The service itself never downloads.

mod console;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use dragoman_models::store::manifest::{self, Model, Purpose};
use dragoman_models::store::meter::bytes;
use dragoman_models::store::{self, Error, Inspected, Options, State, Store, Token};
use dragoman_service::config::{self as variables, Check, ConfigError, EXIT_CODE, Vars};
use serde::Deserialize;

use self::console::Console;

/// What to do with the models.
#[derive(Debug, Subcommand)]
pub(crate) enum Models {
    /// Download what is missing into the cache (HF_HOME), and verify it.
    Fetch(Which),
    /// Hash every file and compare it with the lock; exit 1 with the names of those that are not as they should be.
    Verify(Which),
    /// Show the models: what for, languages, licence, size, and whether they are there.
    List(Which),
}

impl Models {
    /// Fetching whatever the configuration names.
    pub(crate) fn configured() -> Self {
        Self::Fetch(Which::default())
    }
}

#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Which {
    /// Names as `models list` shows them, such as whisper-base, opus-mt-en-es, madlad-400-3b, pocket-spanish.
    names: Vec<String>,
    /// Whatever dubbing between these languages needs, such as en-es,en-fr.
    #[arg(long, value_delimiter = ',')]
    pairs: Vec<String>,
}

/// The variables as they are found.
#[derive(Default, Deserialize)]
struct Raw {
    hf_endpoint: Option<String>,
    hf_home: Option<String>,
    hf_token: Option<String>,
    speech_asr: Option<String>,
    speech_device: Option<String>,
    speech_mt: Option<String>,
    speech_tts: Option<String>,
    speech_pairs: Option<String>,
    xdg_cache_home: Option<String>,
    home: Option<String>,
}

/// What the commands need of the configuration.
struct Config {
    endpoint: String,
    cache: PathBuf,
    token: Option<Token>,
    asr: String,
    mt: String,
    tts: String,
    pairs: Vec<String>,
}

impl Config {
    fn from_vars(vars: &Vars) -> Result<Self, ConfigError> {
        let mut check = Check::new();
        let raw: Raw = vars.read(&mut check);
        let endpoint = check.url("HF_ENDPOINT", raw.hf_endpoint, store::HUB, &["http", "https"]);
        let token = check
            .secret("HF_TOKEN", raw.hf_token)
            .map(|token| Token::new(token.expose()));
        let [home, xdg, hf] = [raw.home, raw.xdg_cache_home, raw.hf_home].map(|path| path.map(PathBuf::from));
        let home = store::default_home(hf.as_deref(), xdg.as_deref(), home.as_deref());
        if home.is_none() {
            check.problem(
                "HF_HOME",
                None,
                "a directory for the models, since HOME is not set either",
            );
        }
        let pairs = check.list(
            "SPEECH_PAIRS",
            raw.speech_pairs,
            "en-es",
            "pairs of languages such as en-es,en-fr",
            |text| {
                let (from, to) = text.trim().split_once('-')?;
                (!from.is_empty() && !to.is_empty()).then(|| text.trim().to_ascii_lowercase())
            },
        );
        check.finish()?;
        // As the engine chooses; `auto` may find either, and then says which model it misses.
        let recogniser = match raw.speech_device.as_deref() {
            Some("cuda" | "metal") => "whisper-large-v3-turbo",
            _ => "whisper-base",
        };
        Ok(Self {
            endpoint: endpoint.to_string(),
            cache: home.unwrap_or_default().join("hub"),
            token,
            asr: raw.speech_asr.unwrap_or_else(|| recogniser.to_owned()),
            mt: raw.speech_mt.unwrap_or_else(|| "opus-mt".to_owned()),
            tts: raw.speech_tts.unwrap_or_else(|| "pocket".to_owned()),
            pairs,
        })
    }
}

/// Runs one of the commands.
pub(crate) async fn run(command: Models, vars: &Vars) -> anyhow::Result<ExitCode> {
    let config = match Config::from_vars(vars) {
        Ok(config) => config,
        Err(error) => return Ok(variables::refuse(&error)),
    };
    // Blocking from here on, and with nothing beside it that an async runtime would serve.
    let done = tokio::task::spawn_blocking(move || {
        let store = Store::open(&config.cache);
        let mut progress = Console::new();
        match command {
            Models::Fetch(which) => fetch(&store, &config, &which, &mut progress),
            Models::Verify(which) => verify(&store, &config, &which, &mut progress),
            Models::List(which) => list(&store, &config, &which),
        }
    });
    Ok(done.await?.unwrap_or_else(|error| {
        eprintln!("{error}");
        match error {
            Error::Unknown { .. } | Error::Pair { .. } => ExitCode::from(EXIT_CODE),
            _ => ExitCode::FAILURE,
        }
    }))
}

fn fetch(store: &Store, config: &Config, which: &Which, progress: &mut Console) -> Result<ExitCode, Error> {
    let models = match named(config, which)? {
        models if models.is_empty() => configured(config)?,
        models => models,
    };
    let names: Vec<&str> = models.iter().map(|model| model.name.as_str()).collect();
    eprintln!(
        "{} from {} into {}",
        names.join(", "),
        config.endpoint,
        store.cache().display()
    );
    let options = Options::new(&config.endpoint, config.token.clone());
    let fetched = store.fetch(&models, &options, progress);
    progress.clear();
    let fetched = fetched?;
    match (fetched.downloaded.len(), fetched.verified.len()) {
        (0, 0) => eprintln!("everything is there"),
        (downloaded, verified) => eprintln!(
            "{downloaded} files downloaded ({}), {verified} that were there verified; locked in {}",
            bytes(fetched.bytes),
            store.lock_path().display()
        ),
    }
    Ok(ExitCode::SUCCESS)
}

fn verify(store: &Store, config: &Config, which: &Which, progress: &mut Console) -> Result<ExitCode, Error> {
    let named = named(config, which)?;
    let all = named.is_empty();
    let models = if all { in_cache(store)? } else { named };
    if models.is_empty() {
        eprintln!("{} holds no model", store.cache().display());
        return Ok(ExitCode::FAILURE);
    }
    let verified = store.verify(&models, progress);
    progress.clear();
    let mut bad = Vec::new();
    let mut well = 0;
    for inspected in verified? {
        for file in &inspected.files {
            match file.state {
                State::Present => well += 1,
                State::Missing if file.optional => {}
                state => bad.push(format!("{}: {}", file.name, state.as_str())),
            }
        }
    }
    bad.iter().for_each(|line| eprintln!("{line}"));
    eprintln!("{well} files are what the lock says, {} are not", bad.len());
    if bad.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let names: Vec<&str> = models.iter().map(|model| model.name.as_str()).collect();
    eprintln!("to put it right: dragoman-speech models fetch {}", names.join(" "));
    Ok(ExitCode::FAILURE)
}

fn list(store: &Store, config: &Config, which: &Which) -> Result<ExitCode, Error> {
    let named = named(config, which)?;
    let details = !named.is_empty();
    let models = if details { named } else { store.known()? };
    let inspected = store.list(&models)?;
    let mut rows = vec![["model", "what for", "languages", "licence", "size", "state"].map(str::to_owned)];
    rows.extend(inspected.iter().map(row));
    let mut text = table(&rows);
    if details {
        inspected.iter().for_each(|inspected| text += &detail(inspected));
    } else {
        text += "\nopus-mt-<from>-<to> is fetched for any pair that the hub has. A name shows files, voices and whom to credit.\n";
    }
    text += &format!("cache {}\n", store.cache().display());
    // A reader that has seen enough is no failure.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(ExitCode::SUCCESS)
}

fn row(inspected: &Inspected) -> [String; 6] {
    let model = &inspected.model;
    let known: Option<u64> = inspected
        .files
        .iter()
        .filter(|file| !file.optional)
        .map(|file| file.size)
        .sum();
    [
        model.name.clone(),
        model.purpose.as_str().to_owned(),
        model.languages.clone(),
        model.licence.to_owned(),
        // Without the lock only about.
        known.map_or_else(
            || format!("~{}", bytes(model.bytes)),
            |_| bytes(inspected.files.iter().filter_map(|file| file.size).sum()),
        ),
        inspected.state().as_str().to_owned(),
    ]
}

fn detail(inspected: &Inspected) -> String {
    let model = &inspected.model;
    let mut text = format!("\n{}: {}; {}\n", model.name, model.repository, model.attribution);
    for file in &inspected.files {
        let size = file.size.map_or_else(String::new, |size| format!(" {}", bytes(size)));
        text += &format!("  {} {}{size}\n", file.state.as_str(), file.name);
    }
    for voice in model.voices() {
        text += &format!(
            "  voice {} ({}): {}, {}\n",
            voice.name, voice.language, voice.licence, voice.source
        );
    }
    text
}

/// Columns as wide as their widest cell.
fn table(rows: &[[String; 6]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..6).map(width).collect();
    let line = |row: &[String; 6]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

/// The models that the command line names.
fn named(config: &Config, which: &Which) -> Result<Vec<Model>, Error> {
    let mut models = which
        .names
        .iter()
        .map(|name| manifest::find(name))
        .collect::<Result<Vec<_>, _>>()?;
    if !which.pairs.is_empty() {
        let recogniser = models.iter().find(|model| model.purpose == Purpose::Recognise);
        let recogniser = recogniser.map_or(config.asr.clone(), |model| model.name.clone());
        let needed = for_pairs(config, &recogniser, &which.pairs)?;
        models.extend(needed);
    }
    let mut seen = std::collections::BTreeSet::new();
    models.retain(|model| seen.insert(model.name.clone()));
    Ok(models)
}

/// What the service is configured to run.
fn configured(config: &Config) -> Result<Vec<Model>, Error> {
    for_pairs(config, &config.asr, &config.pairs)
}

/// What these pairs need; a stage that is a directory or a program needs nothing from here.
fn for_pairs(config: &Config, recogniser: &str, pairs: &[String]) -> Result<Vec<Model>, Error> {
    let built_in = |stage: &str| !stage.contains('/') && !stage.starts_with("command:");
    let assumed = if built_in(recogniser) {
        recogniser
    } else {
        "whisper-base"
    };
    let mut models = manifest::for_pairs(assumed, pairs)?;
    let translates = models.iter().any(|model| model.purpose == Purpose::Translate);
    models.retain(|model| match model.purpose {
        Purpose::Recognise => built_in(recogniser),
        Purpose::Translate => config.mt == "opus-mt",
        Purpose::Synthesise => built_in(&config.tts),
    });
    if translates && built_in(&config.mt) && config.mt != "opus-mt" {
        models.push(manifest::find(&config.mt)?);
    }
    Ok(models)
}

/// Every model of which anything is there.
fn in_cache(store: &Store) -> Result<Vec<Model>, Error> {
    let inspected = store.list(&store.known()?)?;
    Ok(inspected
        .into_iter()
        .filter(Inspected::is_there)
        .map(|inspected| inspected.model)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(vars: &[(&str, &str)]) -> Config {
        let home = [("HOME", "/home/me")];
        Config::from_vars(&Vars::new(home.into_iter().chain(vars.iter().copied()))).unwrap()
    }

    fn names(models: Vec<Model>) -> Vec<String> {
        models.into_iter().map(|model| model.name).collect()
    }

    #[test]
    fn without_a_name_it_is_what_the_service_is_configured_for() {
        let fetched = |vars| names(configured(&config(vars)).unwrap());
        assert_eq!(fetched(&[]), ["whisper-base", "opus-mt-en-es", "pocket-spanish"]);
        assert_eq!(
            fetched(&[
                ("SPEECH_PAIRS", "en-fr"),
                ("SPEECH_MT", "madlad"),
                ("SPEECH_ASR", "whisper-small")
            ]),
            ["whisper-small", "pocket-french", "madlad-400-3b"]
        );
        assert_eq!(
            fetched(&[
                ("SPEECH_ASR", "command:asr"),
                ("SPEECH_MT", "/models/mt"),
                ("SPEECH_TTS", "pocket")
            ]),
            ["pocket-spanish"]
        );
    }

    #[test]
    fn a_named_whisper_takes_the_place_of_the_configured_one() {
        let which = Which {
            names: vec!["whisper-tiny".into()],
            pairs: vec!["es-en".into(), "en-de".into()],
        };
        let models = named(&config(&[]), &which).unwrap();
        assert_eq!(
            names(models),
            ["whisper-tiny", "pocket-english", "opus-mt-en-de", "pocket-german"]
        );
    }

    #[test]
    fn the_cache_is_where_the_hubs_other_clients_have_it() {
        let cache = |vars| config(vars).cache.display().to_string();
        assert_eq!(cache(&[]), "/home/me/.cache/huggingface/hub");
        assert_eq!(cache(&[("XDG_CACHE_HOME", "/c")]), "/c/huggingface/hub");
        assert_eq!(
            cache(&[("XDG_CACHE_HOME", "/c"), ("HF_HOME", "/models")]),
            "/models/hub"
        );
        let none: [(&str, &str); 0] = [];
        assert!(Config::from_vars(&Vars::new(none)).is_err());
    }
}
