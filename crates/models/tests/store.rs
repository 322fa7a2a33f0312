//! The store against a hub on loopback.

mod hub;

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
    assert_eq!(fetched.downloaded.len(), 3);
    assert!(fetched.bytes > SIZE as u64);
    let files = setup.store().whisper("whisper-tiny").unwrap();
    assert_eq!(fs::read(&files.weights).unwrap(), weights(1, SIZE));
    assert_eq!(setup.state(), State::Present);
    let lock = setup.store().lock().unwrap();
    let locked = lock.get(REPOSITORY, "model.safetensors").unwrap();
    assert_eq!((locked.size, &locked.sha256), (SIZE as u64, &sha256(&weights(1, SIZE))));
    assert_eq!(locked.commit, setup.hub.commit(REPOSITORY));

    let before = setup.hub.asked().len();
    assert_eq!(setup.fetch().unwrap(), Fetched::default());
    assert_eq!(setup.hub.asked().len(), before, "the hub was asked for what is there");

    // Relative links: the cache is found wherever it is moved to.
    let elsewhere = setup.dir.path().join("moved");
    fs::rename(setup.cache(), &elsewhere).unwrap();
    assert!(Store::open(&elsewhere).whisper("whisper-tiny").is_ok());
}

#[test]
fn a_download_that_broke_off_goes_on_from_there() {
    let setup = Setup::new();
    let file = format!("{REPOSITORY}/model.safetensors");
    setup.hub.state().cuts.insert(file.clone(), vec![1_000_000]);
    let error = setup.fetch().unwrap_err();
    let Error::Cut { have, size, .. } = &error else {
        panic!("{error}")
    };
    assert!(*have > 0 && *have <= 1_000_000 && *size == SIZE as u64, "{error}");
    assert!(error.to_string().contains("run the same command again"), "{error}");
    assert!(setup.store().whisper("whisper-tiny").is_err());
    assert_eq!(fs::metadata(&setup.blobs(".part")[0]).unwrap().len(), *have);

    let fetched = setup.fetch().unwrap();
    assert_eq!(fetched.bytes, SIZE as u64 - have);
    let last = setup.hub.downloads().pop().unwrap();
    assert_eq!(last.range, Some(format!("bytes={have}-")));
    assert_eq!(fs::read(setup.weights_blob()).unwrap(), weights(1, SIZE));
}

#[test]
fn one_fetch_rides_out_several_cuts() {
    let setup = Setup::new();
    let file = format!("{REPOSITORY}/model.safetensors");
    setup.hub.state().cuts.insert(file, vec![700_000, 600_000, 0, 500_000]);
    let options = Options {
        retries: 2,
        ..setup.options()
    };
    let fetched = setup.store().fetch(&whisper(), &options, &mut Silent).unwrap();
    assert_eq!(setup.hub.downloads().len(), 5);
    assert_eq!(fetched.bytes, (SIZE + 16 + 13) as u64);
    assert_eq!(fs::read(setup.weights_blob()).unwrap(), weights(1, SIZE));
}

#[test]
fn a_hub_without_ranges_starts_anew_and_a_part_that_was_complete_is_taken() {
    let setup = Setup::new();
    let file = format!("{REPOSITORY}/model.safetensors");
    setup.hub.state().cuts.insert(file, vec![1_000_000]);
    setup.hub.state().no_ranges = true;
    setup.fetch().unwrap_err();
    let fetched = setup.fetch().unwrap();
    assert_eq!(fetched.bytes, SIZE as u64);
    assert_eq!(fs::read(setup.weights_blob()).unwrap(), weights(1, SIZE));

    // Killed between the last byte and the final name.
    let blob = setup.weights_blob();
    fs::rename(&blob, blob.with_extension("part")).unwrap();
    let downloads = setup.hub.downloads().len();
    assert_eq!(setup.fetch().unwrap().bytes, 0);
    assert_eq!(setup.hub.downloads().len(), downloads);
    assert_eq!(setup.state(), State::Present);
}

#[test]
fn a_part_of_something_else_is_not_gone_on_with_for_good() {
    let setup = Setup::new();
    let etag = sha256(&weights(1, SIZE));
    let blobs = setup.cache().join("models--openai--whisper-tiny/blobs");
    fs::create_dir_all(&blobs).unwrap();
    fs::write(blobs.join(format!("{etag}.part")), weights(7, 500_000)).unwrap();
    setup.fetch().unwrap();
    assert_eq!(fs::read(setup.weights_blob()).unwrap(), weights(1, SIZE));
}

#[test]
fn bytes_that_do_not_fit_the_hubs_hash_are_never_used() {
    let setup = Setup::new();
    let file = format!("{REPOSITORY}/model.safetensors");
    setup.hub.state().lies.insert(file.clone(), weights(2, SIZE));
    let error = setup.fetch().unwrap_err();
    assert_eq!(error.code(), "model_mismatch", "{error}");
    for part in [&file, &sha256(&weights(1, SIZE)), &sha256(&weights(2, SIZE))] {
        assert!(error.to_string().contains(part.as_str()), "{error}");
    }
    let missing = setup.store().whisper("whisper-tiny").unwrap_err();
    assert_eq!(missing.files, [file.clone()]);
    assert_eq!(setup.blobs(".part").len(), 0, "kept, it would be gone on with");
    // Shorter and longer than announced.
    for len in [SIZE - 1, SIZE + 1] {
        setup.hub.state().lies.insert(file.clone(), weights(1, len));
        let error = setup.fetch().unwrap_err();
        assert!(["hub_cut", "hub_protocol"].contains(&error.code()), "{error}");
        assert!(setup.store().whisper("whisper-tiny").is_err());
    }
    setup.hub.state().lies.clear();
    setup.fetch().unwrap();
    assert_eq!(fs::read(setup.weights_blob()).unwrap(), weights(1, SIZE));
}

#[test]
fn what_the_lock_does_not_say_is_refused_by_its_name() {
    let setup = Setup::new();
    setup.fetch().unwrap();
    let folder = setup.cache().join("models--openai--whisper-tiny");
    fs::remove_dir_all(&folder).unwrap();
    let downloads = setup.hub.downloads().len();

    // A large file: refused before a byte of it comes.
    setup.hub.put(REPOSITORY, "model.safetensors", &weights(3, SIZE));
    let error = setup.fetch().unwrap_err();
    assert_eq!(error.code(), "model_mismatch", "{error}");
    let text = error.to_string();
    assert!(
        text.contains("whisper-tiny/model.safetensors") && text.contains("the lock"),
        "{text}"
    );
    assert_eq!(setup.hub.downloads().len(), downloads);

    // A small one, whose hash the hub does not tell, and of the same size.
    setup.hub.put(REPOSITORY, "model.safetensors", &weights(1, SIZE));
    setup.hub.put(REPOSITORY, "config.json", b"{\"d_model\": 999}");
    let error = setup.fetch().unwrap_err();
    assert!(
        matches!(&error, Error::Mismatch { file, .. } if file.ends_with("config.json")),
        "{error}"
    );
    assert!(setup.store().whisper("whisper-tiny").is_err());

    // The branch has moved on: the locked commit is still what is fetched.
    let old = setup.hub.commit(REPOSITORY);
    setup.hub.put(REPOSITORY, "config.json", b"{\"d_model\": 384}");
    setup.fetch().unwrap();
    let asked = setup.hub.asked();
    let after = asked.iter().rev().take(3);
    assert!(
        after.clone().all(|asked| asked.on_storage || asked.path.contains(&old)),
        "{asked:?}"
    );
}

#[test]
fn a_snapshot_that_was_changed_is_not_used() {
    let setup = Setup::new();
    setup.fetch().unwrap();
    let blob = setup.weights_blob();

    // Touched only: verified again, and well.
    let later = fs::metadata(&blob).unwrap().modified().unwrap() + Duration::from_secs(5);
    let touch = || {
        fs::File::options()
            .write(true)
            .open(&blob)
            .unwrap()
            .set_modified(later)
            .unwrap()
    };
    touch();
    assert_eq!(setup.state(), State::Unverified);
    let missing = setup.store().whisper("whisper-tiny").unwrap_err();
    assert!(
        missing.to_string().contains("has changed since it was verified"),
        "{missing}"
    );
    assert_eq!(
        setup.store().verify(&whisper(), &mut Silent).unwrap()[0].state(),
        State::Present
    );
    assert!(setup.store().whisper("whisper-tiny").is_ok());

    // A flipped bit.
    let mut bytes = weights(1, SIZE);
    bytes[SIZE / 2] ^= 1;
    fs::write(&blob, bytes).unwrap();
    touch();
    let inspected = setup.store().verify(&whisper(), &mut Silent).unwrap();
    let bad: Vec<&str> = inspected[0]
        .files
        .iter()
        .filter(|file| file.state != State::Present)
        .map(|f| f.name.as_str())
        .collect();
    assert_eq!(bad, [format!("{REPOSITORY}/model.safetensors")]);
    assert_eq!(setup.state(), State::Corrupt, "noted for the next start");
    assert!(setup.store().whisper("whisper-tiny").is_err());

    // The command that is named puts it right.
    assert_eq!(setup.fetch().unwrap().downloaded.len(), 1);
    assert_eq!(setup.state(), State::Present);

    // Truncated.
    fs::File::options()
        .write(true)
        .open(&blob)
        .unwrap()
        .set_len(10)
        .unwrap();
    assert_eq!(setup.state(), State::Corrupt);
    setup.fetch().unwrap();
    assert_eq!(fs::read(&blob).unwrap(), weights(1, SIZE));
}

#[test]
fn answers_of_a_hub_that_refuses_say_what_to_do() {
    let setup = Setup::new();
    setup.hub.state().token = Some("hf_right".to_owned());
    let fetch = |token: Option<&str>| {
        let options = Options {
            token: token.map(Token::new),
            ..setup.options()
        };
        setup.store().fetch(&whisper(), &options, &mut Silent)
    };
    let text = fetch(None).unwrap_err().to_string();
    assert!(text.contains("HTTP 401") && text.contains("HF_TOKEN_FILE"), "{text}");
    let error = fetch(Some("hf_wrong")).unwrap_err();
    assert!(
        error.to_string().contains("check the token") && !format!("{error} {error:?}").contains("hf_wrong"),
        "{error}"
    );
    fetch(Some("hf_right")).unwrap();
    let downloads = setup.hub.downloads();
    assert!(
        !downloads.is_empty() && downloads.iter().all(|asked| asked.token.is_none()),
        "the token went elsewhere"
    );

    let find = |name: &str| vec![manifest::find(name).unwrap()];
    let fetch = |name: &str| {
        setup
            .store()
            .fetch(&find(name), &setup.options(), &mut Silent)
            .unwrap_err()
    };
    let text = fetch("opus-mt-xx-yy").to_string();
    assert!(
        text.contains("no such repository") && text.contains("madlad-400-3b"),
        "{text}"
    );
    setup.hub.state().token = None;
    setup.hub.put("openai/whisper-base", "config.json", b"{}");
    let error = fetch("whisper-base");
    assert!(
        matches!(&error, Error::NotFound { what, .. } if what.contains("tokenizer.json")),
        "{error}"
    );
    setup.hub.state().redirect_loop = true;
    let text = fetch("whisper-base").to_string();
    assert!(text.contains("redirects"), "{text}");
}

#[test]
fn a_hub_that_is_down_is_named_and_what_is_there_goes_on_working() {
    let setup = Setup::new();
    setup.fetch().unwrap();
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let options = Options {
        endpoint: format!("http://{closed}"),
        ..setup.options()
    };
    assert!(setup.store().fetch(&whisper(), &options, &mut Silent).is_ok());
    let base = vec![manifest::find("whisper-base").unwrap()];
    let error = setup.store().fetch(&base, &options, &mut Silent).unwrap_err();
    assert_eq!(error.code(), "hub_unreachable");
    let text = error.to_string();
    assert!(
        text.contains(&closed.to_string()) && text.contains("HF_ENDPOINT"),
        "{text}"
    );
}

#[test]
fn a_full_disk_is_told_before_anything_is_downloaded() {
    let setup = Setup::new();
    let options = Options {
        free: |_| Ok(1_000_000),
        ..setup.options()
    };
    let error = setup.store().fetch(&whisper(), &options, &mut Silent).unwrap_err();
    assert_eq!(error.code(), "disk_full");
    assert!(error.to_string().contains("1 MB free, 67 MB needed"), "{error}");
    assert!(setup.hub.asked().iter().all(|asked| asked.method == "HEAD"));
}

/// Tells when it has to wait.
struct Waits(mpsc::Sender<()>);

impl Progress for Waits {
    fn event(&mut self, event: Event<'_>) {
        if let Event::Waiting { .. } = event {
            let _ = self.0.send(());
        }
    }
}

#[test]
fn two_at_once_download_once() {
    let setup = Setup::new();
    setup.hub.state().gate_closed = true;
    let (sender, waits) = mpsc::channel();
    let both = std::thread::scope(|scope| {
        let run = || {
            let mut progress = Waits(sender.clone());
            let (store, options) = (setup.store(), setup.options());
            scope.spawn(move || store.fetch(&whisper(), &options, &mut progress).unwrap())
        };
        let both = [run(), run()];
        // The other has the weights in hand until the gate opens.
        waits.recv_timeout(Duration::from_secs(20)).unwrap();
        setup.hub.open_gate();
        both.map(|one| one.join().unwrap())
    });
    assert_eq!(setup.hub.downloads().len(), 1);
    let weights = |fetched: &Fetched| {
        fetched
            .downloaded
            .iter()
            .filter(|file| file.ends_with("model.safetensors"))
            .count()
    };
    assert_eq!(both.iter().map(weights).sum::<usize>(), 1);
    assert_eq!(setup.state(), State::Present);
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
    let mut fetch = |count: usize| -> Result<Fetched, Error> {
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
        .fetch(&[model.clone()], &setup.options(), &mut Silent)
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

#[test]
fn a_lock_that_cannot_be_read_stops_everything_by_its_name() {
    let setup = Setup::new();
    setup.fetch().unwrap();
    fs::write(setup.store().lock_path(), "{").unwrap();
    assert_eq!(setup.fetch().unwrap_err().code(), "lock_malformed");
    let missing = setup.store().whisper("whisper-tiny").unwrap_err();
    assert!(missing.to_string().contains("dragoman.lock.json"), "{missing}");
}
