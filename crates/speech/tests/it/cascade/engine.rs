//! The engine by itself: jobs in, events out.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dragoman_protocol::Outcome;
use dragoman_speech::engine::cascade::{Cascade, Settings, Stages};
use dragoman_speech::engine::{Engine, Full, Readiness};
use proptest::prelude::*;
use tokio_util::sync::CancellationToken;

use super::bench::{Bench, PATIENCE, until};
use super::stages::{Codes, Script, Tags, breakable, pairs, settings, spoken, stages, text_of};

const DONE: (Outcome, Option<&'static str>) = (Outcome::Done, None);
const EMPTY: (Outcome, Option<&'static str>) = (Outcome::Empty, None);

#[test]
fn one_recognition_feeds_every_target_and_each_says_its_own_text() {
    let script = Script::new(&[("talk", &["good evening", "and welcome"])]);
    let (stages, script) = stages("en-es,en-fr", script);
    let mut bench = Bench::new(settings("en-es,en-fr"), stages);
    bench.submit("talk", 1, "en", &["es", "fr-CA"]);
    bench.submit("talk", 2, "en", &["es", "fr-CA"]);
    let told = bench.take();
    assert_eq!(script.calls.load(Ordering::Relaxed), 2);
    for (utterance, target, text) in [
        (1, 0_u8, "en es good evening"),
        (1, 1, "en fr-CA good evening"),
        (2, 0, "en es and welcome"),
        (2, 1, "en fr-CA and welcome"),
    ] {
        let dub = &told[&(utterance, target)];
        let lang = ["es", "fr"][usize::from(target)];
        assert_eq!(
            (dub.text.as_str(), text_of(&dub.samples)),
            (text, spoken(lang, &[text]))
        );
        assert_eq!(dub.ends, [DONE]);
    }
}

#[test]
fn the_first_clause_is_spoken_while_the_rest_is_translated() {
    let (started, first) = sync_channel(8);
    let first = Mutex::new(first);
    let (base, _) = stages(
        "en-es",
        Script::new(&[("talk", &["a first clause, then the second one"])]),
    );
    let wait = move |so_far: &str| {
        if so_far.ends_with("then the second") {
            // Goes on when the voice has the first clause: were it spoken after the translation, never.
            let heard: String = first
                .lock()
                .unwrap()
                .recv_timeout(PATIENCE)
                .expect("the first clause is spoken");
            assert_eq!(heard, spoken("es", &["en es a first clause,"]));
        }
    };
    let stages = Stages {
        translate: Arc::new(Tags {
            pairs: pairs("en-es"),
            on_clause: Some(Box::new(wait)),
        }),
        synthesise: Arc::new(Codes {
            langs: vec!["es".into()],
            on_line: Some(Box::new(move |line| {
                if line.to_lowercase().starts_with("en es") {
                    started.send(line.to_owned()).unwrap();
                }
            })),
            ..Codes::default()
        }),
        ..base
    };
    // On a GPU one thread does both, and still the clause does not wait.
    for device in ["cpu", "cuda"] {
        let stages = Stages {
            recognise: Arc::new(Script::new(&[("talk", &["a first clause, then the second one"])])),
            translate: Arc::clone(&stages.translate),
            synthesise: Arc::clone(&stages.synthesise),
        };
        let settings = Settings {
            device,
            ..settings("en-es")
        };
        let mut bench = Bench::new(settings, stages);
        bench.submit("talk", 1, "en", &["es"]);
        let told = bench.take();
        assert_eq!(told[&(1, 0)].ends, [DONE], "{device}");
        let expected = spoken("es", &["en es a first clause,", "then the second one"]);
        assert_eq!(text_of(&told[&(1, 0)].samples), expected);
    }
}

#[test]
fn what_was_said_in_the_wanted_language_is_left_as_it_is() {
    let script = Script {
        detected: "es".into(),
        ..Script::new(&[("talk", &["hola", "hola", ""])])
    };
    let (stages, _) = stages("en-es,es-en", script);
    let mut bench = Bench::new(settings("en-es,es-en"), stages);
    bench.submit("talk", 1, "auto", &["es-MX", "en"]);
    bench.submit("talk", 2, "auto", &["fr"]);
    bench.submit("talk", 3, "en", &["es"]);
    let told = bench.take();
    assert_eq!(told[&(1, 0)].ends, [EMPTY]);
    assert_eq!(
        (&told[&(1, 1)].ends[..], told[&(1, 1)].text.as_str()),
        (&[DONE][..], "es en hola")
    );
    assert_eq!(told[&(2, 0)].ends, [(Outcome::Failed, Some("unsupported_pair"))]);
    assert_eq!(told[&(3, 0)].ends, [EMPTY], "nothing was said");
}

#[test]
fn the_recogniser_translates_itself_into_english_and_only_english() {
    let script = || Script {
        into_english: true,
        detected: "fr".into(),
        ..Script::new(&[("talk", &["bonjour", "bonsoir", "salut", "hello"])])
    };
    // A target beside English needs the French text; then English is heard a second time, since nothing translates it.
    let (stages, heard) = stages("en-es,fr-es,es-en", script());
    let mut bench = Bench::new(settings("en-es,fr-es,es-en"), stages);
    bench.submit("talk", 1, "fr", &["en"]);
    bench.submit("talk", 2, "fr", &["es", "en"]);
    bench.submit("talk", 3, "en", &["es"]);
    let told = bench.take();
    assert_eq!(told[&(1, 0)].text, "in English: bonjour");
    assert_eq!(told[&(2, 0)].text, "fr es bonsoir");
    assert_eq!(told[&(2, 1)].text, "in English: salut");
    assert_eq!(told[&(3, 0)].text, "en es hello");
    assert_eq!(heard.calls.load(Ordering::Relaxed), 4);
}

#[test]
fn a_stage_that_fails_or_panics_costs_its_utterance_only() {
    let (stages, _) = stages("en-es", Script::new(&[("talk", &["panic", "fail", "still here"])]));
    let mut bench = Bench::new(settings("en-es"), stages);
    for utterance in 1..=3 {
        bench.submit("talk", utterance, "en", &["es"]);
    }
    let told = bench.take();
    assert_eq!(told[&(1, 0)].ends, [(Outcome::Failed, Some("engine_failed"))]);
    assert_eq!(told[&(2, 0)].ends, [(Outcome::Failed, Some("scripted"))]);
    assert_eq!(
        (told[&(3, 0)].text.as_str(), &told[&(3, 0)].ends[..]),
        ("en es still here", &[DONE][..])
    );
}

#[test]
fn what_fails_again_and_again_is_not_ready_until_it_works() {
    let broken = Arc::new(AtomicBool::new(false));
    let mut bench = Bench::new(settings("en-es"), breakable(&["one", "two", "three"], &broken));
    broken.store(true, Ordering::Relaxed);
    for utterance in 1..=3 {
        bench.submit("talk", utterance, "en", &["es"]);
    }
    until("it is not ready", || {
        matches!(bench.engine.state(), Readiness::Failed(_))
    });
    let busy = bench.engine.admit(0).expect_err("nobody is let in");
    assert!(busy.to_string().contains("not ready"), "{busy}");
    broken.store(false, Ordering::Relaxed);
    until("it is ready again", || bench.engine.state() == Readiness::Ready);
    assert!(bench.engine.admit(0).is_ok());
}

#[test]
fn a_lost_device_needs_no_second_failure() {
    let broken = Arc::new(AtomicBool::new(false));
    let mut bench = Bench::new(settings("en-es"), breakable(&["lose the device"], &broken));
    broken.store(true, Ordering::Relaxed);
    bench.submit("talk", 1, "en", &["es"]);
    until("it is not ready", || {
        matches!(bench.engine.state(), Readiness::Failed(_))
    });
    assert_eq!(bench.take()[&(1, 0)].ends, [(Outcome::Failed, Some("device_lost"))]);
}

#[test]
fn what_is_late_or_cancelled_is_not_worked_on() {
    let script = Script::new(&[("talk", &["never", "never"])]);
    let (stages, script) = stages("en-es", script);
    let mut bench = Bench::new(settings("en-es"), stages);
    let mut late = bench.job("talk", 1, "en", &["es"]);
    late.start_by = Instant::now() - Duration::from_secs(1);
    bench.engine.submit(late).unwrap();
    let cancelled = bench.job("talk", 2, "en", &["es"]);
    bench.cancels[&(2, 0)].cancel();
    bench.engine.submit(cancelled).unwrap();
    let told = bench.take();
    assert_eq!(told[&(1, 0)].ends, [(Outcome::Late, None)]);
    assert_eq!(told[&(2, 0)].ends, [(Outcome::Cancelled, None)]);
    assert_eq!(script.calls.load(Ordering::Relaxed), 0);
}

#[test]
fn a_dub_can_be_cancelled_while_it_is_spoken() {
    let (base, _) = stages("en-es", Script::new(&[("talk", &["one", "two"])]));
    let cancel: Arc<Mutex<Option<CancellationToken>>> = Arc::default();
    let token = Arc::clone(&cancel);
    let stages = Stages {
        synthesise: Arc::new(Codes {
            langs: vec!["es".into()],
            on_line: Some(Box::new(move |_| {
                if let Some(token) = token.lock().unwrap().take() {
                    token.cancel();
                }
            })),
            ..Codes::default()
        }),
        ..base
    };
    let mut bench = Bench::new(settings("en-es"), stages);
    let first = bench.job("talk", 1, "en", &["es"]);
    *cancel.lock().unwrap() = Some(bench.cancels[&(1, 0)].clone());
    bench.engine.submit(first).unwrap();
    bench.submit("talk", 2, "en", &["es"]);
    let told = bench.take();
    assert_eq!(told[&(1, 0)].ends, [(Outcome::Cancelled, None)]);
    assert_eq!(told[&(2, 0)].ends, [DONE]);
}

#[test]
fn a_stream_can_fill_its_own_queue_and_nobody_elses() {
    let gate = Arc::new(Mutex::new(()));
    let closed = gate.lock().unwrap();
    let waits = Arc::clone(&gate);
    let script = Script {
        on_call: Some(Box::new(move |_| drop(waits.lock().unwrap()))),
        ..Script::new(&[("loud", &["x"; 200]), ("quiet", &["x"; 2])])
    };
    let (stages, _) = stages("en-es", script);
    let mut bench = Bench::new(settings("en-es"), stages);
    let mut taken = 0;
    let full = loop {
        let job = bench.job("loud", 1_000 + taken, "en", &["es"]);
        match bench.engine.submit(job) {
            Ok(()) => taken += 1,
            Err(full) => break full,
        }
        assert!(taken < 1_000, "a queue without an end");
    };
    assert_eq!(full, Full);
    bench.submit("quiet", 1, "en", &["es"]);
    drop(closed);
    let told = bench.take();
    assert_eq!(told[&(1, 0)].ends, [DONE]);
    let refused = 1_000 + taken;
    assert!(
        !told.contains_key(&(refused, 0)),
        "a job that was not taken has no events"
    );
    assert_eq!(told.len() as u32, taken + 1);
}

#[test]
fn what_is_missing_is_said_until_it_is_there() {
    use dragoman_speech::engine::cascade::Load;
    use dragoman_speech::engine::cascade::stage::{Recognise, Synthesise, Translate};
    struct Later(Stages, Arc<std::sync::atomic::AtomicBool>);
    impl Load for Later {
        fn recognise(&mut self) -> Result<Arc<dyn Recognise>, String> {
            self.0.recognise()
        }
        fn translate(&mut self) -> Result<Arc<dyn Translate>, String> {
            match self.1.load(Ordering::Relaxed) {
                true => self.0.translate(),
                false => Err("opus-mt-en-es is missing".into()),
            }
        }
        fn synthesise(&mut self) -> Result<Arc<dyn Synthesise>, String> {
            assert!(self.1.load(Ordering::Relaxed), "a file that its reader panics at");
            self.0.synthesise()
        }
    }
    let (stages, _) = stages("en-es", Script::default());
    let there = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let engine = Cascade::start(settings("en-es"), Later(stages, Arc::clone(&there))).unwrap();
    until("the problem is known", || {
        matches!(engine.state(), Readiness::Failed(_))
    });
    assert_eq!(
        engine.state(),
        Readiness::Failed("opus-mt-en-es is missing; tts: loading panicked".into())
    );
    assert!(
        engine
            .admit(0)
            .is_err_and(|busy| busy.to_string().contains("opus-mt-en-es is missing"))
    );
    assert!(engine.supports("en", "es", None).is_err());
    there.store(true, Ordering::Relaxed);
    until("it is ready", || engine.state() == Readiness::Ready);
    assert!(engine.admit(0).is_ok() && engine.supports("en", "es", None).is_ok());
}

#[test]
fn a_pair_that_is_not_there_is_answered_with_those_that_are() {
    let script = Script {
        into_english: true,
        ..Script::default()
    };
    let (stages, _) = stages("en-es,fr-en", script);
    let bench = Bench::new(settings("en-es,fr-en"), stages);
    let why = |source, target, voice| bench.engine.supports(source, target, voice).unwrap_err();
    let ok = |source, target| bench.engine.supports(source, target, None).is_ok();
    assert!(ok("en", "es") && ok("auto", "es") && ok("en-GB", "es-mx") && ok("fr", "en") && ok("it", "en"));
    let message = why("en", "ja", None).to_string();
    assert!(
        message.contains("en-es, fr-en") && message.contains("recognised into en"),
        "{message}"
    );
    assert_eq!(why("en", "en-US", None).code(), "unsupported_pair");
    assert_eq!(why("en", "auto", None).code(), "unsupported_pair");
    let voice = why("en", "es", Some("eva"));
    assert_eq!(voice.code(), "unsupported_voice");
    assert!(voice.to_string().contains("ana"), "{voice}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is said, wanted, cancelled and broken: each dub ends once, and in its order.
    #[test]
    fn every_dub_ends_exactly_once(
        jobs in proptest::collection::vec((0_usize..3, 0_usize..5, 1_usize..4, any::<bool>(), any::<bool>()), 1..25),
        device in prop::sample::select(vec!["cpu", "cuda"]),
    ) {
        const STREAMS: [&str; 3] = ["a", "b", "c"];
        const TEXTS: [&str; 5] = ["", "panic", "fail", "a plain line", "a first clause, then the second one, and more"];
        let mut lines: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (stream, text, ..) in &jobs {
            lines.entry(STREAMS[*stream]).or_default().push(TEXTS[*text]);
        }
        let lines: Vec<(&str, &[&str])> = lines.iter().map(|(stream, lines)| (*stream, &lines[..])).collect();
        let (stages, _) = stages("en-es,en-fr,en-de", Script::new(&lines));
        let settings = Settings { device, ..settings("en-es,en-fr,en-de") };
        let mut bench = Bench::new(settings, stages);
        let mut wanted = 0;
        for (n, (stream, _, targets, late, cancel)) in jobs.iter().enumerate() {
            let mut job = bench.job(STREAMS[*stream], n as u32, "en", &["es", "fr", "de"][..*targets]);
            wanted += targets;
            if *late {
                job.start_by = Instant::now() - Duration::from_secs(1);
            }
            bench.engine.submit(job).unwrap();
            if *cancel {
                bench.cancels[&(n as u32, 0)].cancel();
            }
        }
        let told = bench.take();
        prop_assert_eq!(told.len(), wanted);
        for (dub, told) in &told {
            prop_assert_eq!(told.ends.len(), 1, "{:?}", dub);
            if told.ends == [DONE] {
                // Nothing of the text is left out or said twice, whatever its parts are made of for speaking.
                let letters = |text: &str| text.to_lowercase().chars().filter(|c| c.is_alphabetic()).collect::<String>();
                prop_assert_eq!(letters(&text_of(&told.samples)), letters(&told.text));
            }
        }
    }
}
