//! A client with its worker's other parts played by the test: a source that talks, and a pacer that listens.

use std::f64::consts::TAU;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, mpsc::Receiver, mpsc::sync_channel};

use dragoman_service::config::Vars;
use dragoman_service::lifecycle::Lifecycle;
use dragoman_speech::{config::Config, engine, server};
use dragoman_timeline::{Pts, Span};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Duration, Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::story::Story;
use crate::control::SpeechStatus;
use crate::spec::{Ingest, Programme, Spec, Speech};
use crate::worker::feed::{PIECE, SPEECH_RATE, ToSpeech};
use crate::worker::pacer::{Input, Report};
use crate::worker::speech::Client;

/// Longer than anything takes on a busy machine.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);
/// The source talks at this multiple of real time: half of what is allowed, so that what is sent again can catch up.
const SPEED: u32 = 2;
const HOLD: Span = Span::from_ms(2_500);

/// A real speech service.
pub(super) struct Service {
    pub(super) address: SocketAddr,
    pub(super) lifecycle: Lifecycle,
}

impl Service {
    pub(super) async fn start(vars: &[(&str, &str)]) -> Self {
        let base = [("SPEECH_LISTEN", "127.0.0.1:0"), ("MOCK_DELAY", "50ms")];
        let config = Config::from_vars(&Vars::new(base.iter().chain(vars).copied())).unwrap();
        let lifecycle = Lifecycle::new(server::GRACE);
        let address = server::start(&config, engine::start(&config).unwrap(), &lifecycle)
            .await
            .unwrap();
        Self { address, lifecycle }
    }

    pub(super) fn url(&self) -> String {
        format!("ws://{}", self.address)
    }
}

/// A source: samples at [`SPEECH_RATE`] and where there is voice in it.
#[derive(Default)]
pub(super) struct Talk {
    samples: Vec<i16>,
    pub(super) voices: Vec<(Pts, Pts)>,
}

impl Talk {
    /// Phrases of these lengths with pauses around them; long ones are cut where they reach the engine's cap.
    pub(super) fn of(phrases: &[usize]) -> Self {
        let mut talk = Self::default();
        talk.pause(300);
        for &ms in phrases {
            let from = talk.end();
            talk.samples.extend((0..ms * 16).map(voice));
            talk.voices.push((from, talk.end()));
            talk.pause(500);
        }
        talk
    }

    pub(super) fn end(&self) -> Pts {
        Pts::from_samples(self.samples.len() as i64, SPEECH_RATE)
    }

    fn pause(&mut self, ms: usize) {
        self.samples.resize(self.samples.len() + ms * 16, 0);
    }
}

/// Harmonics with a speaker's ups and downs, which the detector takes for voice.
fn voice(n: usize) -> i16 {
    let t = n as f64 / 16_000.0;
    let harmonics: f64 = (1..24)
        .map(|h| (TAU * 140.0 * f64::from(h) * t).sin() / f64::from(h))
        .sum();
    let syllable = 0.55 - 0.45 * (TAU * 4.0 * t).cos();
    (5_000.0 * harmonics * syllable) as i16
}

/// See the module.
pub(super) struct Stage {
    pub(super) story: Story,
    pub(super) feed: mpsc::Sender<ToSpeech>,
    pub(super) updates: mpsc::Sender<Vec<String>>,
    pub(super) pacer: Arc<Mutex<Report>>,
    pub(super) cancel: CancellationToken,
    pub(super) speed: u32,
    inputs: Receiver<Input>,
    status: Arc<Mutex<SpeechStatus>>,
    task: JoinHandle<()>,
    fed: watch::Receiver<Pts>,
}

impl Stage {
    pub(super) fn open(urls: &[String]) -> Self {
        Self::with(
            &["es", "fr"],
            Speech {
                urls: urls.to_vec(),
                urls_file: None,
                key: None,
            },
        )
    }

    pub(super) fn with(targets: &[&str], speech: Speech) -> Self {
        let (feed, fed) = mpsc::channel(40);
        let (updates, lists) = mpsc::channel(1);
        let (inputs, passed) = sync_channel(1_024);
        let pacer = Arc::<Mutex<Report>>::default();
        let (client, messages, status) = Client::new(&spec(targets), speech, fed, lists, inputs, pacer.clone());
        let cancel = CancellationToken::new();
        let task = tokio::spawn(client.run(messages, cancel.clone()));
        let (_, fed) = watch::channel(Pts::ZERO);
        Self {
            story: Story::default(),
            feed,
            updates,
            pacer,
            cancel,
            speed: SPEED,
            inputs: passed,
            status,
            task,
            fed,
        }
    }

    /// The source begins to talk.
    pub(super) fn talk(&mut self, talk: &Talk) {
        let (feed, pacer, samples) = (self.feed.clone(), self.pacer.clone(), talk.samples.clone());
        let speed = self.speed;
        let (done, fed) = watch::channel(Pts::ZERO);
        self.fed = fed;
        tokio::spawn(async move {
            let begun = Instant::now();
            for (n, piece) in samples.chunks(PIECE).enumerate() {
                let at = Pts::from_samples((n * PIECE) as i64, SPEECH_RATE);
                sleep_until(begun + Duration::from_nanos(at.ns().unsigned_abs()) / speed).await;
                let sound = ToSpeech::Sound {
                    at,
                    samples: piece.to_vec(),
                    is_new_run: n == 0,
                };
                if feed.send(sound).await.is_err() {
                    return;
                }
                let end = at + Span::from_samples(piece.len() as i64, SPEECH_RATE);
                pacer.lock().unwrap().playhead = end - HOLD;
                done.send_replace(end);
            }
        });
    }

    /// The source is silent for `count` pieces from `from_ms` on.
    pub(super) async fn pieces(&self, from_ms: i64, count: i64) {
        for n in 0..count {
            let (at, is_new_run) = (Pts::from_ms(from_ms + n * 40), n == 0 && from_ms == 0);
            self.feed
                .send(ToSpeech::Sound {
                    at,
                    samples: vec![0; PIECE],
                    is_new_run,
                })
                .await
                .unwrap();
        }
    }

    /// How much the source has said.
    pub(super) fn fed(&self) -> Pts {
        *self.fed.borrow()
    }

    pub(super) fn status(&self) -> SpeechStatus {
        self.status.lock().unwrap().clone()
    }

    fn listen(&mut self) {
        while let Ok(input) = self.inputs.try_recv() {
            match input {
                Input::Dub(dub) => self.story.add(dub),
                _ => panic!("that is not for the pacer"),
            }
        }
    }

    /// Listens until it is so.
    pub(super) async fn until(&mut self, what: &str, mut is_so: impl FnMut(&Self) -> bool) {
        let begun = Instant::now();
        loop {
            self.listen();
            if is_so(self) {
                return;
            }
            assert!(
                begun.elapsed() < DEADLINE,
                "not in time: {what}: {:?} {:?}",
                self.status(),
                self.story.whole(1)
            );
            sleep(Duration::from_millis(2)).await;
        }
    }

    pub(super) async fn until_fed(&mut self, at: Pts) {
        self.until("the source talks", |stage| stage.fed() >= at).await;
    }

    pub(super) async fn until_ready(&mut self, times: usize) {
        self.until("a host is ready", |stage| stage.story.ready.len() >= times)
            .await;
    }

    pub(super) fn is_over(&self) -> bool {
        self.task.is_finished()
    }

    /// The source ends; listens until the client has ended as well.
    pub(super) async fn end(&mut self, talk: &Talk) {
        self.until_fed(talk.end()).await;
        self.feed.send(ToSpeech::End { at: talk.end() }).await.unwrap();
        self.until("the client ends", |stage| stage.task.is_finished()).await;
        self.listen();
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

fn spec(targets: &[&str]) -> Spec {
    let programme = |target: &&str| Programme {
        target: (*target).to_owned(),
        path: String::new(),
        url: String::new(),
        muted: false,
    };
    Spec {
        stream: "talk".to_owned(),
        session: "s1".to_owned(),
        source_id: String::new(),
        ingest: Ingest {
            url: String::new(),
            rtsp_url: None,
            tracks: None,
        },
        programmes: targets.iter().map(programme).collect(),
        source: "en".to_owned(),
        hold_ms: 2_500,
        max_wait_ms: 3_000,
        max_stale_ms: 6_000,
        grace_ms: 0,
        speech: None,
        run_dir: PathBuf::new(),
        artifacts: None,
        resume: None,
    }
}
