//! The store against a hub on loopback.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../hub/mod.rs"]
mod hub;
mod resume;
mod trouble;
mod trust;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use dragoman_models::store::manifest::{self, Model};
use dragoman_models::store::{Error, Event, Fetched, Options, Progress, Silent, State, Store, Token};
use hub::{Hub, sha256, weights};
use tempfile::TempDir;

const REPOSITORY: &str = "openai/whisper-tiny";
const SIZE: usize = 3_000_000;

struct Setup {
    hub: Hub,
    dir: TempDir,
}

impl Setup {
    /// A hub with one Whisper, and an empty cache.
    fn new() -> Self {
        let hub = Hub::start();
        hub.put(REPOSITORY, "config.json", b"{\"d_model\": 384}");
        hub.put(REPOSITORY, "generation_config.json", b"{\"suppress_tokens\": [1]}");
        hub.put(REPOSITORY, "tokenizer.json", b"{\"model\": {}}");
        hub.put(REPOSITORY, "model.safetensors", &weights(1, SIZE));
        Self {
            hub,
            dir: tempfile::tempdir().unwrap(),
        }
    }

    fn cache(&self) -> PathBuf {
        self.dir.path().join("hub")
    }

    fn store(&self) -> Store {
        Store::open(&self.cache())
    }

    fn options(&self) -> Options {
        Options {
            retries: 0,
            pause: Duration::ZERO,
            ..Options::new(&self.hub.endpoint, None)
        }
    }

    fn fetch(&self) -> Result<Fetched, Error> {
        self.store().fetch(&whisper(), &self.options(), &mut Silent)
    }

    fn state(&self) -> State {
        self.store().list(&whisper()).unwrap()[0].state()
    }

    /// Files of the cache that end so.
    fn blobs(&self, ending: &str) -> Vec<PathBuf> {
        let blobs = self.cache().join("models--openai--whisper-tiny/blobs");
        let entries = fs::read_dir(blobs)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path());
        entries
            .filter(|path| path.to_string_lossy().ends_with(ending))
            .collect()
    }

    fn weights_blob(&self) -> PathBuf {
        fs::canonicalize(self.store().whisper("whisper-tiny").unwrap().weights).unwrap()
    }
}

fn whisper() -> Vec<Model> {
    vec![manifest::find("whisper-tiny").unwrap()]
}

#[test]
fn what_was_fetched_is_found_without_the_hub_and_costs_nothing_the_second_time() {
    let setup = Setup::new();
    let missing = setup.store().whisper("whisper-tiny").unwrap_err();
    assert_eq!(missing.files.len(), 3);
    assert_eq!(missing.command, "dragoman-speech models fetch whisper-tiny");

    let fetched = setup.fetch().unwrap();
    assert_eq!(fetched.downloaded.len(), 4);
    assert!(fetched.bytes > SIZE as u64);
    let files = setup.store().whisper("whisper-tiny").unwrap();
    assert!(files.config.with_file_name("generation_config.json").is_file());
    assert_eq!(fs::read(&files.weights).unwrap(), weights(1, SIZE));
    assert_eq!(setup.state(), State::Present);
    let lock = setup.store().lock().unwrap();
    let locked = lock.get(REPOSITORY, "model.safetensors").unwrap();
    assert_eq!((locked.size, &locked.sha256), (SIZE as u64, &sha256(&weights(1, SIZE))));
    assert_eq!(locked.commit, setup.hub.commit(REPOSITORY));
    assert_eq!(setup.store().commit(&whisper()[0]), Some(setup.hub.commit(REPOSITORY)));

    let before = setup.hub.asked().len();
    assert_eq!(setup.fetch().unwrap(), Fetched::default());
    assert_eq!(setup.hub.asked().len(), before, "the hub was asked for what is there");

    // Relative links: the cache is found wherever it is moved to.
    let elsewhere = setup.dir.path().join("moved");
    fs::rename(setup.cache(), &elsewhere).unwrap();
    assert!(Store::open(&elsewhere).whisper("whisper-tiny").is_ok());
}

#[test]
fn the_cache_is_the_one_of_the_hubs_other_clients() {
    let setup = Setup::new();
    let api = hf_hub::api::sync::ApiBuilder::from_cache(hf_hub::Cache::new(setup.cache()))
        .with_endpoint(setup.hub.endpoint.clone())
        .with_progress(false)
        .build()
        .unwrap();
    let repo = api.model(REPOSITORY.to_owned());
    repo.download("config.json").unwrap();
    // Theirs breaks off; ours goes on with it.
    let file = format!("{REPOSITORY}/model.safetensors");
    setup.hub.state().cuts.insert(file, vec![1_200_000]);
    repo.download("model.safetensors").unwrap_err();
    assert_eq!(setup.state(), State::Missing);
    let config = &setup.store().list(&whisper()).unwrap()[0].files[0];
    assert_eq!(config.state, State::Unlocked, "nobody vouches for it");
    let fetched = setup.fetch().unwrap();
    assert_eq!(fetched.verified, [format!("{REPOSITORY}/config.json")]);
    assert!(fetched.bytes < SIZE as u64 - 1_000_000, "{fetched:?}");

    let theirs = hf_hub::Cache::new(setup.cache()).model(REPOSITORY.to_owned());
    let ours = setup.store().whisper("whisper-tiny").unwrap();
    assert_eq!(theirs.get("model.safetensors"), Some(ours.weights));
    assert_eq!(theirs.get("tokenizer.json"), Some(ours.tokenizer));
}

#[test]
fn marian_takes_the_weights_that_there_are() {
    let setup = Setup::new();
    for (pair, format) in [
        ("en-es", "pytorch_model.bin"),
        ("en-fr", "model.safetensors"),
        ("tc-big-en-pt", "pytorch_model.bin"),
    ] {
        let repository = format!("Helsinki-NLP/opus-mt-{pair}");
        for file in ["config.json", "vocab.json", "source.spm", "target.spm", format] {
            setup.hub.put(&repository, file, &weights(file.len() as u64, 5_000));
        }
        let models = [manifest::find(&format!("opus-mt-{pair}")).unwrap()];
        setup.store().fetch(&models, &setup.options(), &mut Silent).unwrap();
        let pair = pair.strip_prefix("tc-big-").unwrap_or(pair);
        let (from, to) = pair.split_once('-').unwrap();
        let files = setup.store().marian(from, to).unwrap();
        assert!(files.weights.ends_with(format), "{files:?}");
        assert!(files.source_spm.is_file() && files.target_spm.is_file() && files.vocab.is_file());
    }
    let missing = setup.store().marian("en", "de").unwrap_err();
    assert_eq!(missing.command, "dragoman-speech models fetch opus-mt-en-de");
    let known: Vec<String> = setup
        .store()
        .known()
        .unwrap()
        .into_iter()
        .map(|model| model.name)
        .collect();
    assert!(known.contains(&"opus-mt-tc-big-en-pt".to_owned()) && !known.contains(&"opus-mt-en-de".to_owned()));
}

#[test]
fn pocket_is_taken_at_its_commits_and_works_without_further_voices() {
    let setup = Setup::new();
    let model = manifest::find("pocket-es").unwrap();
    // One repository, and its files from different commits: this hub knows one commit at a time.
    let fetch = |count: usize| -> Result<Fetched, Error> {
        for part in &model.parts[..count] {
            setup.hub.put_at(
                &model.repository,
                part.revision,
                &part.names[0],
                &weights(part.names[0].len() as u64, 4_000),
            );
        }
        let one = Model {
            parts: vec![model.parts[count - 1].clone()],
            ..model.clone()
        };
        setup.store().fetch(&[one], &setup.options(), &mut Silent)
    };
    for count in 1..=3 {
        fetch(count).unwrap();
    }
    let fetched = setup
        .store()
        .fetch(std::slice::from_ref(&model), &setup.options(), &mut Silent)
        .unwrap();
    assert_eq!(fetched.absent.len(), 2, "alba and marius are not on this hub");
    let files = setup.store().pocket("es").unwrap();
    assert!(files.voices.join("lola.safetensors").is_file());
    let voices = setup.store().voices("es").unwrap();
    assert_eq!(
        voices
            .iter()
            .map(|voice| (voice.name, voice.licence))
            .collect::<Vec<_>>(),
        [("lola", "CC0-1.0")]
    );

    // Another commit than the one that was asked for is refused.
    setup.hub.put_at(
        &model.repository,
        &"b".repeat(40),
        "languages/french/tokenizer.json",
        b"{}",
    );
    let french = [manifest::find("pocket-fr").unwrap()];
    assert!(setup.store().fetch(&french, &setup.options(), &mut Silent).is_err());
}

#[test]
fn a_local_directory_names_what_it_lacks() {
    let dir = tempfile::tempdir().unwrap();
    let put = |name: &str| {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
    };
    put("config.json");
    let missing = Store::whisper_in(dir.path()).unwrap_err();
    assert_eq!(missing.files.len(), 2);
    assert!(
        missing.to_string().contains("tokenizer.json is not there") && missing.command.is_empty(),
        "{missing}"
    );
    put("tokenizer.json");
    put("any.gguf");
    assert_eq!(
        Store::whisper_in(dir.path()).unwrap().weights,
        dir.path().join("any.gguf")
    );
    assert_eq!(
        Store::madlad_in(dir.path()).unwrap().weights,
        dir.path().join("any.gguf")
    );
    put("other.gguf");
    assert!(Store::whisper_in(dir.path()).is_err(), "which of the two?");
    put("model.safetensors");
    assert!(Store::pocket_in(dir.path()).is_err());
    put("embeddings/lola.safetensors");
    assert_eq!(
        Store::pocket_in(dir.path()).unwrap().voices,
        dir.path().join("embeddings")
    );
    assert!(
        Store::marian_in(Path::new("/no/such/directory"))
            .unwrap_err()
            .files
            .len()
            == 5
    );
}
