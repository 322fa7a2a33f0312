//! The cascade through the whole service: over sockets, with scripted stages.

use std::sync::Arc;
use std::time::Duration;

use dragoman_protocol::*;
use dragoman_service::config::Vars;
use dragoman_service::lifecycle::Lifecycle;
use dragoman_speech::config::Config;
use dragoman_speech::engine::cascade::{Cascade, Load, Stages};
use dragoman_speech::server;
use serde_json::Value;

use super::stages::{Codes, Script, breakable, settings, spoken, stages, text_of};
use crate::client::{DEADLINE, ES, Server, start};
use crate::voice::{silence, voice};

async fn serve(list: &str, load: impl Load) -> Server {
    let vars = [("SPEECH_LISTEN", "127.0.0.1:0"), ("SPEECH_MAX_SESSIONS", "4")];
    let config = Config::from_vars(&Vars::new(vars)).unwrap();
    let lifecycle = Lifecycle::new(server::GRACE);
    let engine = Arc::new(Cascade::start(settings(list), load).unwrap());
    let addr = server::start(&config, engine, &lifecycle).await.unwrap();
    Server { addr, lifecycle }
}

pub(super) async fn get(server: &Server, path: &str) -> (u16, String) {
    let response = reqwest::get(server.url(path)).await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

pub(super) async fn ready(server: &Server) {
    let until_ready = async {
        while get(server, "/readyz").await.0 != 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, until_ready)
        .await
        .expect("it becomes ready");
}

/// Three utterances, apart by more than the cascade's pause.
pub(super) fn speech() -> Vec<i16> {
    let phrase = || [voice(900), silence(900)].concat();
    [silence(300), phrase(), phrase(), phrase()].concat()
}

#[tokio::test]
async fn what_was_scripted_is_what_is_said() {
    let script = Script::new(&[("talk", &["one", "two", "three"])]);
    let (stages, _) = stages("en-es,en-fr", script);
    let server = serve("en-es,en-fr", stages).await;
    ready(&server).await;
    let mut client = server.client(&start(&["es", "fr"])).await;
    let told = client.ready().await;
    assert_eq!((told.engine.as_str(), told.dub_rate), ("cascade", 24_000));
    assert_eq!(told.models, ["script", "tags", "codes"]);
    client.send(&speech(), 0, 320).await;
    client.end().await;
    let story = client.take_all().await;
    assert_eq!(story.closed.as_ref().map(|closed| closed.0), Some(1000), "{story:?}");
    for (n, word) in ["one", "two", "three"].into_iter().enumerate() {
        let id = UtteranceId(n as u32 + 1);
        assert_eq!(
            (story.utterances[&id].text.as_str(), story.utterances[&id].lang.as_str()),
            (word, "en")
        );
        for (target, lang) in [(ES, "es"), (TargetId(1), "fr")] {
            let text = format!("en {lang} {word}");
            assert_eq!(story.dubs[&(target, id)].text, text);
            assert_eq!(text_of(&story.pcm[&(target, id)]), spoken(lang, &[&text]));
            assert_eq!(story.ends[&(target, id)].outcome, Outcome::Done);
            assert_eq!(story.ends[&(target, id)].samples, story.pcm[&(target, id)].len() as u64);
        }
    }
    let (_, metrics) = get(&server, "/metrics").await;
    for name in [
        "stage_seconds_count{stage=\"asr\"}",
        "stage_seconds_count{stage=\"mt\"} 6",
        "stage_seconds_count{stage=\"tts\"}",
        "real_time_factor{stage=\"asr\"}",
        "queue{stage=\"tts\"} 0",
        "dub_lag_seconds_count 3",
        "engine_info{name=\"cascade\",device=\"cpu\"} 1",
    ] {
        assert!(
            metrics.contains(&format!("dragoman_speech_{name}")),
            "{name}: {metrics}"
        );
    }
}

#[tokio::test]
async fn two_streams_never_hear_each_other() {
    let lines = |stream: &str| -> Vec<String> { (0..6).map(|n| format!("{stream} says {n}")).collect() };
    let (ours, theirs) = (lines("ours"), lines("theirs"));
    let as_strs = |lines: &'static [String]| -> Vec<&'static str> { lines.iter().map(String::as_str).collect() };
    let (ours, theirs) = (as_strs(ours.leak()), as_strs(theirs.leak()));
    let (stages, _) = stages("en-es", Script::new(&[("ours", &ours), ("theirs", &theirs)]));
    let server = serve("en-es", stages).await;
    ready(&server).await;
    let session = async |stream: &str| {
        let mut client = server
            .client(&Start {
                stream: stream.into(),
                ..start(&["es"])
            })
            .await;
        client.ready().await;
        client.send(&[speech(), speech()].concat(), 0, 320).await;
        client.end().await;
        client.take_all().await
    };
    let (a, b) = tokio::join!(session("ours"), session("theirs"));
    for (story, stream, other) in [(a, "ours", "theirs"), (b, "theirs", "ours")] {
        assert_eq!(story.pcm.len(), 6);
        for (n, pcm) in story.pcm.values().enumerate() {
            assert_eq!(text_of(pcm), spoken("es", &[&format!("en es {stream} says {n}")]));
        }
        let told = format!("{:?} {:?}", story.utterances, story.dubs);
        assert!(
            told.contains(stream) && !told.contains(&format!("{other} says")),
            "{told}"
        );
    }
}

#[tokio::test]
async fn probes_answer_while_models_are_loaded_and_sessions_wait_outside() {
    struct Slow(Stages, std::sync::mpsc::Receiver<()>);
    impl Load for Slow {
        fn recognise(&mut self) -> Result<Arc<dyn dragoman_speech::engine::cascade::stage::Recognise>, String> {
            self.1.recv().unwrap();
            self.0.recognise()
        }
        fn translate(&mut self) -> Result<Arc<dyn dragoman_speech::engine::cascade::stage::Translate>, String> {
            self.0.translate()
        }
        fn synthesise(&mut self) -> Result<Arc<dyn dragoman_speech::engine::cascade::stage::Synthesise>, String> {
            self.0.synthesise()
        }
    }
    let (stages, _) = stages("en-es", Script::default());
    let (go, wait) = std::sync::mpsc::channel();
    let server = serve("en-es", Slow(stages, wait)).await;
    let (status, body) = get(&server, "/healthz").await;
    let health: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &health["status"]), (200, &"loading".into()));
    assert_eq!(get(&server, "/readyz").await.0, 503);
    let refused = server
        .connect(None, &negotiate::offer())
        .await
        .err()
        .expect("a refusal");
    assert_eq!(refused.status().as_u16(), 429);
    assert!(String::from_utf8_lossy(refused.body().as_deref().unwrap_or_default()).contains("loads its models"));
    go.send(()).unwrap();
    ready(&server).await;
    server.client(&start(&["es"])).await.ready().await;
}

#[tokio::test]
async fn a_session_that_would_slow_the_others_down_is_refused_with_the_reason() {
    let (base, _) = stages("en-es", Script::new(&[("talk", &["a line that takes long"])]));
    let stages = Stages {
        // A clause a second, as the warm-up finds: one stream is all that the thread can bear.
        synthesise: Arc::new(Codes {
            langs: vec!["es".into()],
            takes: Duration::from_millis(1_200),
            ..Codes::default()
        }),
        ..base
    };
    let server = serve("en-es", stages).await;
    ready(&server).await;
    let mut first = server.client(&start(&["es"])).await;
    first.ready().await;
    let refused = server
        .connect(None, &negotiate::offer())
        .await
        .err()
        .expect("a refusal");
    assert_eq!(refused.status().as_u16(), 429);
    let refusal = Refusal::parse(&refused.body().clone().unwrap_or_default());
    assert!(
        matches!(&refusal, Refusal::Busy { message, .. } if message.contains("the thread speak")),
        "{refusal:?}"
    );
    let (_, metrics) = get(&server, "/metrics").await;
    assert!(
        metrics.contains("dragoman_speech_refused_total{reason=\"busy\"} 1"),
        "{metrics}"
    );
    // The one that runs goes on.
    first.send(&speech(), 0, 320).await;
    first.end().await;
    assert_eq!(first.take_all().await.closed.map(|closed| closed.0), Some(1000));
}

#[tokio::test]
async fn an_engine_that_breaks_ends_its_sessions_with_a_code() {
    let broken = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let server = serve("en-es", breakable(&["lose the device"], &broken)).await;
    ready(&server).await;
    let mut client = server.client(&start(&["es"])).await;
    client.ready().await;
    broken.store(true, std::sync::atomic::Ordering::Relaxed);
    client.send(&speech(), 0, 320).await;
    client.end().await;
    let closed = client.take_all().await.closed.expect("a close frame");
    assert_eq!(closed.0, 4011);
    assert_eq!(get(&server, "/readyz").await.0, 503);
    broken.store(false, std::sync::atomic::Ordering::Relaxed);
    ready(&server).await;
}
