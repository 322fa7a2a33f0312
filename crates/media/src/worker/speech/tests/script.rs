//! A host that says what the test says.

use dragoman_protocol::{
    AudioFrame, ClientMessage, Flags, Kind, Pcm, Ready, ServerMessage, Start, TargetId, Utterance,
};
use dragoman_protocol::{Cut, Dub, DubEnd, Outcome, StageMs, UtteranceId};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderValue, header};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

use super::stage::DEADLINE;

/// See the module.
pub(super) struct Script(TcpListener);

/// A socket of it.
pub(super) struct Line(WebSocketStream<TcpStream>);

/// What the client sent.
#[derive(Debug)]
pub(super) enum Got {
    Said(ClientMessage),
    Sound(AudioFrame),
    Gone,
}

impl Script {
    pub(super) async fn start() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub(super) fn url(&self) -> String {
        format!("ws://{}", self.0.local_addr().unwrap())
    }

    /// Upgrades the next connection and takes its `start`.
    pub(super) async fn accept(&self) -> (Line, Start) {
        let (socket, _) = timeout(DEADLINE, self.0.accept()).await.unwrap().unwrap();
        #[expect(clippy::result_large_err, reason = "the library's signature")]
        let choose = |_: &Request, mut response: Response| {
            let chosen = HeaderValue::from_static("dragoman.dub.v1");
            response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, chosen);
            Ok(response)
        };
        let mut line = Line(accept_hdr_async(socket, choose).await.unwrap());
        match line.next().await {
            Got::Said(ClientMessage::Start(start)) => (line, start),
            other => panic!("{other:?}"),
        }
    }

    /// Answers the next connection with `answer`, which is no upgrade.
    pub(super) async fn answer(&self, answer: &str) {
        let (mut socket, _) = timeout(DEADLINE, self.0.accept()).await.unwrap().unwrap();
        let mut request = [0; 4_096];
        let _ = socket.read(&mut request).await.unwrap();
        socket.write_all(answer.as_bytes()).await.unwrap();
        let _ = socket.shutdown().await;
    }
}

impl Line {
    pub(super) async fn text(&mut self, text: &str) {
        // The client may have gone.
        let _ = self.0.send(Message::text(text)).await;
    }

    pub(super) async fn say(&mut self, message: ServerMessage) {
        self.text(&message.to_json()).await;
    }

    pub(super) async fn ready(&mut self, audio_from_ns: i64, resumed: bool) {
        let ready = Ready {
            resume: "token".to_owned(),
            resume_ms: 10_000,
            audio_from_ns,
            resumed,
            engine: "script".to_owned(),
            models: Vec::new(),
            dub_rate: 24_000,
            lag_ms: None,
            features: Vec::new(),
        };
        self.say(ServerMessage::Ready(ready)).await;
    }

    pub(super) async fn utterance(&mut self, id: u32, start_ms: i64, end_ms: i64) {
        let (start_ns, end_ns) = (start_ms * 1_000_000, end_ms * 1_000_000);
        let (cut, lang, text) = (Cut::Pause, "en".to_owned(), String::new());
        let utterance = Utterance {
            utterance: UtteranceId(id),
            start_ns,
            end_ns,
            cut,
            lang,
            text,
        };
        self.say(ServerMessage::Utterance(utterance)).await;
    }

    pub(super) async fn dub(&mut self, id: u32, target: u8) {
        let (utterance, target) = (UtteranceId(id), TargetId(target));
        let dub = Dub {
            utterance,
            target,
            text: "x".to_owned(),
            estimate_ms: 1_000,
            stage_ms: StageMs::default(),
        };
        self.say(ServerMessage::Dub(dub)).await;
    }

    pub(super) async fn pcm(&mut self, id: u32, target: u8, offset: i64, len: usize) {
        let frame = AudioFrame {
            kind: Kind::Dub,
            target: TargetId(target),
            flags: Flags::NONE.with_if(len == 0, Flags::LAST),
            utterance: UtteranceId(id),
            seq: 0,
            pts: offset,
            pcm: Pcm::from_samples(&vec![7; len]),
        };
        self.0.send(Message::Binary(frame.encode())).await.unwrap();
    }

    pub(super) async fn dub_end(&mut self, id: u32, target: u8, samples: u64) {
        let (utterance, target, outcome) = (UtteranceId(id), TargetId(target), Outcome::Done);
        self.say(ServerMessage::DubEnd(DubEnd {
            utterance,
            target,
            outcome,
            samples,
            code: None,
        }))
        .await;
    }

    pub(super) async fn next(&mut self) -> Got {
        loop {
            return match timeout(DEADLINE, self.0.next())
                .await
                .expect("the client says something")
            {
                Some(Ok(Message::Text(text))) => Got::Said(ClientMessage::parse(&text).unwrap().message),
                Some(Ok(Message::Binary(bytes))) => Got::Sound(AudioFrame::decode(bytes).unwrap()),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                Some(Ok(_) | Err(_)) | None => Got::Gone,
            };
        }
    }

    /// The next frame of sound.
    pub(super) async fn sound(&mut self) -> AudioFrame {
        loop {
            match self.next().await {
                Got::Sound(frame) => return frame,
                Got::Said(_) => {}
                Got::Gone => panic!("the client has gone"),
            }
        }
    }
}
