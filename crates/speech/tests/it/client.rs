//! A service in this process and a client that speaks the protocol to it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use dragoman_protocol::*;
use dragoman_service::config::Vars;
use dragoman_service::lifecycle::Lifecycle;
use dragoman_speech::config::Config;
use dragoman_speech::{engine, server};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{Response, header};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Longer than anything takes on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
pub(crate) const ES: TargetId = TargetId(0);

pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    pub(crate) lifecycle: Lifecycle,
}

impl Server {
    pub(crate) async fn start(vars: &[(&str, &str)]) -> Self {
        let vars = [("SPEECH_LISTEN", "127.0.0.1:0"), ("MOCK_DELAY", "20ms")]
            .iter()
            .chain(vars)
            .copied();
        let config = Config::from_vars(&Vars::new(vars)).unwrap();
        let lifecycle = Lifecycle::new(server::GRACE);
        let addr = server::start(&config, engine::start(&config).unwrap(), &lifecycle)
            .await
            .unwrap();
        Self { addr, lifecycle }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    pub(crate) async fn client(&self, start: &Start) -> Client {
        let mut client = self.connect(None, &negotiate::offer()).await.unwrap();
        client.say(&ClientMessage::Start(start.clone())).await;
        client
    }

    pub(crate) async fn connect(
        &self,
        key: Option<&str>,
        offer: &str,
    ) -> Result<Client, Box<Response<Option<Vec<u8>>>>> {
        let mut request = format!("ws://{}/v1/dub", self.addr).into_client_request().unwrap();
        request
            .headers_mut()
            .insert(header::SEC_WEBSOCKET_PROTOCOL, offer.parse().unwrap());
        if let Some(key) = key {
            request
                .headers_mut()
                .insert(header::AUTHORIZATION, format!("Bearer {key}").parse().unwrap());
        }
        match connect_async(request).await {
            Ok((socket, response)) => {
                assert_eq!(response.headers()[header::SEC_WEBSOCKET_PROTOCOL], "dragoman.dub.v1");
                Ok(Client { socket, seq: 0 })
            }
            Err(Error::Http(response)) => Err(response),
            Err(error) => panic!("{error}"),
        }
    }
}

pub(crate) fn start(langs: &[&str]) -> Start {
    let target = |(n, lang): (usize, &&str)| Target {
        id: TargetId(n as u8),
        lang: (*lang).into(),
        voice: None,
    };
    Start {
        stream: "talk".into(),
        session: "s1".into(),
        source: "en".into(),
        targets: langs.iter().enumerate().map(target).collect(),
        rate: 16_000,
        hold_ms: 2_500,
        max_stale_ms: 6_000,
        window_ms: 20_000,
        from_ns: 0,
        resume: None,
        have: None,
        features: vec![],
    }
}

pub(crate) struct Client {
    pub(crate) socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    seq: u32,
}

/// What a server sent.
#[derive(Debug)]
pub(crate) enum Got {
    Message(ServerMessage),
    Audio(AudioFrame),
    Closed(u16, String),
    /// Without a close frame.
    Lost,
}

impl Client {
    pub(crate) async fn say(&mut self, message: &ClientMessage) {
        self.socket.send(Message::text(message.to_json())).await.unwrap();
    }

    /// Sends sound from media time `from_ns` on, in frames of `block` samples; the first one anchors a run.
    pub(crate) async fn send(&mut self, samples: &[i16], from_ns: i64, block: usize) {
        for (n, part) in samples.chunks(block).enumerate() {
            let pts = from_ns + (n * block) as i64 * 62_500;
            let flags = Flags::NONE.with_if(n == 0, Flags::FIRST);
            let frame = AudioFrame::source(self.seq, pts, flags, Pcm::from_samples(part));
            self.seq += 1;
            self.socket.send(Message::Binary(frame.encode())).await.unwrap();
        }
    }

    pub(crate) async fn end(&mut self) {
        self.say(&ClientMessage::End(End { at_ns: 0 })).await;
    }

    pub(crate) async fn status(&mut self, targets: &[(TargetId, u32)], dubbed_to_ns: i64) {
        let report = |&(id, queued_ms): &(TargetId, u32)| TargetStatus {
            id,
            queued_ms,
            wait_ms: 0,
            rate: 1.0,
            dubbed_to_ns,
        };
        let targets = targets.iter().map(report).collect();
        self.say(&ClientMessage::Status(Status {
            playhead_ns: 0,
            targets,
        }))
        .await;
    }

    pub(crate) async fn next(&mut self) -> Got {
        loop {
            let next = tokio::time::timeout(DEADLINE, self.socket.next())
                .await
                .expect("the server says something");
            return match next {
                Some(Ok(Message::Text(text))) => {
                    let parsed = ServerMessage::parse(&text).unwrap();
                    assert_eq!(parsed.ignored, 0);
                    Got::Message(parsed.message)
                }
                Some(Ok(Message::Binary(bytes))) => Got::Audio(AudioFrame::decode(bytes).unwrap()),
                Some(Ok(Message::Close(Some(frame)))) => Got::Closed(frame.code.into(), frame.reason.to_string()),
                Some(Ok(_)) => continue,
                None | Some(Err(_)) => Got::Lost,
            };
        }
    }

    pub(crate) async fn ready(&mut self) -> Ready {
        match self.next().await {
            Got::Message(ServerMessage::Ready(ready)) => ready,
            other => panic!("{other:?}"),
        }
    }

    /// Takes everything until `enough`, or until the socket is closed.
    pub(crate) async fn take(&mut self, story: &mut Story, mut enough: impl FnMut(&Story) -> bool) {
        while !enough(story) {
            match self.next().await {
                Got::Message(message) => story.message(message),
                Got::Audio(frame) => story.audio(frame),
                Got::Closed(code, reason) => {
                    story.closed = Some((code, reason));
                    return;
                }
                Got::Lost => return,
            }
        }
    }

    pub(crate) async fn take_all(&mut self) -> Story {
        let mut story = Story::default();
        self.take(&mut story, |_| false).await;
        story
    }
}

/// Everything that a session was told.
#[derive(Debug, Default)]
pub(crate) struct Story {
    pub(crate) utterances: BTreeMap<UtteranceId, Utterance>,
    pub(crate) dubs: BTreeMap<(TargetId, UtteranceId), Dub>,
    pub(crate) pcm: BTreeMap<(TargetId, UtteranceId), Vec<i16>>,
    pub(crate) ends: BTreeMap<(TargetId, UtteranceId), DubEnd>,
    pub(crate) activity: Vec<Activity>,
    pub(crate) stats: Vec<Stats>,
    pub(crate) errors: Vec<ServerError>,
    pub(crate) draining: Option<Draining>,
    pub(crate) done: Option<Done>,
    pub(crate) closed: Option<(u16, String)>,
    next_seq: u32,
}

impl Story {
    /// Takes over what is known after a resume, where frames count anew.
    pub(crate) fn resumed(&mut self) {
        self.next_seq = 0;
    }

    fn message(&mut self, message: ServerMessage) {
        match message {
            ServerMessage::Utterance(u) => drop(self.utterances.insert(u.utterance, u)),
            ServerMessage::Dub(d) => drop(self.dubs.insert((d.target, d.utterance), d)),
            ServerMessage::DubEnd(end) => drop(self.ends.insert((end.target, end.utterance), end)),
            ServerMessage::Activity(activity) => self.activity.push(activity),
            ServerMessage::Stats(stats) => self.stats.push(stats),
            ServerMessage::Error(error) => self.errors.push(error),
            ServerMessage::Draining(draining) => self.draining = Some(draining),
            ServerMessage::Done(done) => self.done = Some(done),
            ServerMessage::Ready(_) | ServerMessage::Unknown => panic!("{message:?}"),
        }
    }

    /// Audio goes on exactly where it was, after its text and before its end.
    fn audio(&mut self, frame: AudioFrame) {
        let key = (frame.target, frame.utterance);
        assert_eq!(frame.seq, self.next_seq);
        self.next_seq += 1;
        assert!(self.dubs.contains_key(&key) && !self.ends.contains_key(&key), "{key:?}");
        let pcm = self.pcm.entry(key).or_default();
        assert_eq!(frame.pts, pcm.len() as i64);
        assert_eq!(frame.flags.contains(Flags::FIRST), frame.pts == 0);
        pcm.extend(frame.pcm.iter());
    }
}

/// Power of one tone in `samples`, as part of all: near 1 for a pure tone.
pub(crate) fn purity(samples: &[i16], hz: f64, rate: f64) -> f64 {
    let step = std::f64::consts::TAU * hz / rate;
    let (mut re, mut im, mut all) = (0.0, 0.0, 0.0);
    for (n, sample) in samples.iter().enumerate() {
        let (sample, phase) = (f64::from(*sample), step * n as f64);
        re += sample * phase.cos();
        im += sample * phase.sin();
        all += sample * sample;
    }
    2.0 * (re * re + im * im) / (samples.len() as f64 * all)
}
