//! The targets. Each is a thin call; what must hold of a result is asserted with it.

use bytes::Bytes;
use dragoman_protocol::frame::HEADER_BYTES;
use dragoman_protocol::{AudioFrame, ClientMessage, Refusal, ServerMessage, limits, negotiate};
use dragoman_service::config::Vars;

/// A parser of foreign bytes.
pub struct Target {
    /// As in `fuzz/fuzz_targets` and `fuzz/corpus`.
    pub name: &'static str,
    /// Takes any bytes and returns.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: &[Target] = &[
    target("protocol_frame", protocol_frame),
    target("client_message", client_message),
    target("server_message", server_message),
    target("refusal", refusal),
    target("hook_body", dragoman_media::orchestrator::hostile::hook_body),
    target("router_answer", dragoman_media::orchestrator::hostile::router_answer),
    target("publish_query", dragoman_media::orchestrator::hostile::publish_query),
    target("configuration", configuration),
    target("rtmp_handshake", dragoman_router::hostile::handshake),
    target("rtmp_session", dragoman_router::hostile::session),
    target("model_sentencepiece", dragoman_models::hostile::sentencepiece),
    target("model_config", dragoman_models::hostile::config),
    target("wav", dragoman_speech::hostile::wav),
];

const fn target(name: &'static str, run: fn(&[u8])) -> Target {
    Target { name, run }
}

/// Runs a target by its name, for `fuzz/`.
///
/// # Panics
///
/// When there is none.
pub fn run(name: &str, bytes: &[u8]) {
    match TARGETS.iter().find(|target| target.name == name) {
        Some(target) => (target.run)(bytes),
        None => panic!("no target {name}"),
    }
}

/// A binary message, in both directions.
pub fn protocol_frame(bytes: &[u8]) {
    let message = Bytes::copy_from_slice(bytes);
    if let Ok(frame) = AudioFrame::decode(message.clone()) {
        assert_eq!(frame.encode(), message, "a frame that is read is written as it was");
        assert!(frame.pcm.len() * 2 + HEADER_BYTES == bytes.len());
        assert!(frame.pcm.iter().len() <= limits::MAX_FRAME_SAMPLES as usize);
    }
}

/// A text message of a client.
pub fn client_message(bytes: &[u8]) {
    let Ok(parsed) = ClientMessage::parse(&String::from_utf8_lossy(bytes)) else {
        return;
    };
    if let ClientMessage::Start(start) = &parsed.message {
        // What is wrong with it goes back to the client.
        if let Err(error) = start.check() {
            drop(error.to_string());
        }
    }
    if !matches!(parsed.message, ClientMessage::Unknown) {
        let again = ClientMessage::parse(&parsed.message.to_json());
        assert_eq!(again.ok().map(|again| again.message), Some(parsed.message));
    }
}

/// A text message of a server.
pub fn server_message(bytes: &[u8]) {
    let Ok(parsed) = ServerMessage::parse(&String::from_utf8_lossy(bytes)) else {
        return;
    };
    if !matches!(parsed.message, ServerMessage::Unknown) {
        let again = ServerMessage::parse(&parsed.message.to_json());
        assert_eq!(again.ok().map(|again| again.message), Some(parsed.message));
    }
}

/// A refused upgrade's body and a header of subprotocols.
pub fn refusal(bytes: &[u8]) {
    drop(Refusal::parse(bytes).to_json());
    let offers = String::from_utf8_lossy(bytes);
    if let Some(version) = negotiate::choose([offers.as_ref()]) {
        assert!(negotiate::SUPPORTED.contains(&version));
    }
}

/// The variables of both services, `NAME=value` a line. No file is opened.
pub fn configuration(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let pairs = || {
        text.lines()
            .filter_map(|line| line.split_once('='))
            .filter(|(name, _)| !name.ends_with("_FILE"))
    };
    let vars = Vars::new(pairs());
    let secret = |name: &str| matches!(name, "MEDIA_API_KEY" | "SPEECH_KEY" | "ROUTER_PASS");
    let hidden: Vec<&str> = pairs()
        .filter(|(name, value)| secret(name) && value.len() > 24)
        .map(|(_, value)| value)
        .collect();
    let shown = [
        match dragoman_media::config::Config::from_vars(&vars) {
            Ok(config) => dragoman_media::config::shown(&config),
            Err(error) => error.to_string(),
        },
        match dragoman_speech::config::Config::from_vars(&vars) {
            Ok(config) => dragoman_speech::config::shown(&config),
            Err(error) => error.to_string(),
        },
    ]
    .concat();
    // The same text in another variable is no secret there.
    let open: String = pairs()
        .filter(|(name, _)| !secret(name))
        .map(|(_, value)| value)
        .collect();
    for value in hidden.into_iter().filter(|value| !open.contains(value)) {
        assert!(!shown.contains(value), "a secret is shown");
    }
}
