//! Nothing is used that the lock and the hub do not vouch for.

use super::*;

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
    assert_eq!(missing.files, [file.as_str()]);
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

    // Whatever the branch has become: what is fetched is the locked commit.
    setup.hub.put(REPOSITORY, "config.json", b"{\"d_model\": 384}");
    let before = setup.hub.asked().len();
    setup.fetch().unwrap();
    let asked = setup.hub.asked().split_off(before);
    assert!(
        asked.iter().all(|asked| !asked.path.contains("/resolve/main/")),
        "{asked:?}"
    );
    let commit = setup.hub.commit(REPOSITORY);
    assert!(asked.iter().any(|asked| asked.path.contains(&commit)), "{asked:?}");
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
fn a_lock_that_cannot_be_read_stops_everything_by_its_name() {
    let setup = Setup::new();
    setup.fetch().unwrap();
    fs::write(setup.store().lock_path(), "{").unwrap();
    assert_eq!(setup.fetch().unwrap_err().code(), "lock_malformed");
    let missing = setup.store().whisper("whisper-tiny").unwrap_err();
    assert!(missing.to_string().contains("dragoman.lock.json"), "{missing}");
}
