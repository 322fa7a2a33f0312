//! The probe against a real router: what it publishes, what it measures, and that it notices damage on the way.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod relay;
mod router;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use dragoman_probe::measure::{self, Named};
use dragoman_probe::report::{Programme, Report};
use dragoman_probe::{listen, publish, sound};
use relay::{Damage, Relay};
use router::Router;

/// A publisher on a thread, ended when dropped.
struct Publisher {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<anyhow::Result<publish::Ended>>>,
}

impl Publisher {
    fn start(options: publish::Options) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || publish::run(&options, &stopped, &mut |_| {}));
        Self {
            stop,
            thread: Some(thread),
        }
    }

    fn finish(mut self) -> anyhow::Result<publish::Ended> {
        self.stop.store(true, Ordering::Release);
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}

/// A small stream that needs no voice.
fn small(url: String) -> publish::Options {
    publish::Options {
        size: (320, 180),
        bitrate: 300,
        no_talk: true,
        ..publish::Options::to(url)
    }
}

fn measure(source: &str, programmes: Vec<(&str, String)>, seconds: f64) -> Report {
    let programmes = programmes
        .into_iter()
        .map(|(language, value)| Named {
            language: language.into(),
            value,
        })
        .collect();
    let options = measure::Options {
        source: source.into(),
        programmes,
        seconds: Some(seconds),
        wait: 60.0,
        hold_ms: None,
        tones: Vec::new(),
        report: None,
    };
    measure::run(&options, &AtomicBool::new(false), &mut |_| {}).unwrap()
}

fn of<'a>(report: &'a Report, language: &str) -> &'a Programme {
    report
        .programmes
        .iter()
        .find(|programme| programme.language == language)
        .unwrap()
}

#[test]
fn a_stream_read_twice_differs_in_nothing() {
    let router = Router::start();
    let url = router.url("live/twice/in");
    let publisher = Publisher::start(small(url.clone()));
    let report = measure(&url, vec![("same", url.clone())], 5.0);
    let ended = publisher.finish().unwrap();
    assert!(ended.access_units >= 150, "{ended:?}");

    let measures = &report.measures;
    assert!(measures.video.access_units_in >= 140, "{report:#?}");
    assert_eq!(measures.video.payload_identical, Some(true), "{report:#?}");
    assert_eq!(measures.video.sei_identical, Some(true), "{report:#?}");
    assert_eq!(measures.video.captions_in, measures.video.access_units_in);
    assert_eq!(
        (measures.audio.gaps, measures.audio.discontinuities),
        (0, 0),
        "{report:#?}"
    );
    // Two readers of the same router: what is left is the resolution of the measurement.
    assert!(measures.added_latency_ms.unwrap().p50.abs() < 5.0, "{report:#?}");
    let skew = measures.av_skew_added_ms.unwrap();
    assert!(skew.ticks >= 3 && skew.max_abs < 0.5, "{report:#?}");
    assert_eq!(report.events_dropped, 0);
}

#[test]
fn damage_on_the_way_shows() {
    let router = Router::start();
    let source = router.url("live/damaged/in");
    let _publisher = Publisher::start(small(source.clone()));
    let all = [
        ("none", Damage::None),
        ("skew", Damage::SoundLater(40)),
        ("frame", Damage::LosePicture),
        ("slice", Damage::ChangeSlice),
        ("caption", Damage::LoseCaption),
        ("sound", Damage::LoseSound),
    ];
    let url = |name: &str| router.url(&format!("live/damaged/{name}"));
    let _relays: Vec<Relay> = all
        .iter()
        .map(|(name, damage)| Relay::start(source.clone(), url(name), *damage))
        .collect();
    let report = measure(&source, all.iter().map(|(name, _)| (*name, url(name))).collect(), 9.0);
    assert_eq!(
        report.measures.video.payload_identical,
        Some(false),
        "the whole is as good as its worst part"
    );

    let clean = |name: &str| {
        let programme = of(&report, name);
        let video = &programme.measures.video;
        assert!(video.access_units_in > 200, "{programme:#?}");
        (
            video.payload_identical.unwrap(),
            video.sei_identical.unwrap(),
            programme.measures.audio.gaps,
        )
    };
    let skew = |name: &str| of(&report, name).measures.av_skew_added_ms.unwrap();
    assert_eq!(clean("none"), (true, true, 0));
    assert!(skew("none").max_abs < 2.0, "{:?}", skew("none"));
    assert_eq!(clean("skew"), (true, true, 0));
    assert!((skew("skew").p50 - 40.0).abs() < 2.0, "{:?}", skew("skew"));
    assert!(!clean("frame").0);
    assert_eq!(of(&report, "frame").measures.video.lost, 1);
    assert_eq!(clean("slice"), (false, true, 0));
    assert_eq!(clean("caption"), (true, false, 0));
    assert_eq!(clean("sound"), (true, true, 1));
    // On a busy machine the relay's muxer moves the stamps of late sound as well.
    assert!(of(&report, "sound").measures.audio.discontinuities >= 1);
}

#[test]
fn a_recording_places_the_sound_on_the_media_timeline() {
    let router = Router::start();
    let url = router.url("live/recorded/in");
    let _publisher = Publisher::start(publish::Options {
        mono: true,
        rate: 48_000,
        ..small(url.clone())
    });
    let recordings = listen::record_all(&[&url, &url], Duration::from_secs(4)).unwrap();
    for recording in &recordings {
        let media = recording.media().unwrap();
        let second = media.start.ceil() + 1.0;
        let pedal = recording.tone_db(sound::PEDAL_HZ, second + 0.1..second + 0.9).unwrap();
        assert!((pedal - 20.0 * sound::PEDAL.log10()).abs() < 1.0, "{pedal}");
        assert!(recording.tone_db(880.0, second + 0.1..second + 0.9).unwrap() < -60.0);
        let ticks = recording.ticks();
        assert!(ticks.len() >= 2, "{ticks:?}");
        for tick in ticks {
            let off = (recording.media_at(0).unwrap() + tick.at / f64::from(listen::RATE) + 0.5).fract() - 0.5;
            assert!(off.abs() < 0.002, "a tick is {off} s away from its second");
        }
        assert_eq!(recording.jumps, []);
    }
    let (same, different) = recordings[0].compare_pictures(&recordings[1]);
    assert!(same > 60 && different == 0, "{same} {different}");
}

#[test]
fn a_file_is_looped_without_a_seam() {
    let router = Router::start();
    let url = router.url("live/file/in");
    let file = relay::clip(3);
    let options = publish::Options {
        input: Some(PathBuf::from(file.path())),
        ..publish::Options::to(url.clone())
    };
    let publisher = Publisher::start(options);
    let report = measure(&url, vec![("same", url.clone())], 5.0);
    publisher.finish().unwrap();
    assert_eq!(report.measures.video.payload_identical, Some(true), "{report:#?}");
    assert!(report.measures.video.access_units_in >= 140, "{report:#?}");
    assert_eq!(
        (report.measures.audio.gaps, report.measures.audio.discontinuities),
        (0, 0),
        "{report:#?}"
    );
    assert_eq!(
        report.measures.av_skew_missing.as_deref(),
        Some("the source has no ticks")
    );
}

#[test]
fn a_publisher_without_a_router_says_why() {
    // A port that nobody listens on, whatever the other tests bind meanwhile.
    let mut publisher = Publisher::start(small("rtmp://127.0.0.1:1/live/x/in".into()));
    let error = publisher.thread.take().unwrap().join().unwrap().unwrap_err();
    let error = format!("{error:#}");
    assert!(error.contains("refused"), "{error}");
}
