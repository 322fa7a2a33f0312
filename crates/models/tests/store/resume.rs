//! Downloads that break off, and two at once.

use super::*;

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
    // As the README has it.
    for piece in [
        ": the connection broke after ",
        "run the same command again: it goes on from there",
    ] {
        assert!(error.to_string().contains(piece), "{error}");
        assert!(include_str!("../../../../README.md").contains(piece), "{piece}");
    }
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
    assert_eq!(fetched.bytes, (SIZE + 16 + 24 + 13) as u64);
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
