use proptest::prelude::*;
use rml_rtmp::sessions::{ClientSession, ClientSessionConfig, ClientSessionResult, PublishRequestType};

use super::*;

/// Feeds `bytes` in blocks; what was asked for, and whether the peer was at fault.
fn fed(session: &mut Session, bytes: &[u8], block: usize) -> (Vec<Request>, bool) {
    let mut requests = Vec::new();
    for block in bytes.chunks(block) {
        match session.input(block) {
            Ok(more) => requests.extend(more),
            Err(_) => return (requests, true),
        }
    }
    (requests, false)
}

/// What a client sends until it publishes, the router's answers to it included.
fn conversation(session: &mut Session) -> (Vec<u8>, Vec<Request>) {
    let (mut client, initial) = ClientSession::new(ClientSessionConfig::new()).unwrap();
    let (mut sent, mut requests, mut results) = (Vec::new(), Vec::new(), initial);
    results.push(client.request_connection("live/x".into()).unwrap());
    let mut asked = false;
    loop {
        for result in results.drain(..) {
            if let ClientSessionResult::OutboundResponse(packet) = result {
                requests.extend(session.input(&packet.bytes).unwrap());
                sent.extend(packet.bytes);
            }
        }
        let answers = session.take_output();
        if answers.is_empty() {
            return (sent, requests);
        }
        results = client.handle_input(&answers).unwrap();
        if !asked {
            asked = true;
            results.push(
                client
                    .request_publishing("in?source=en".into(), PublishRequestType::Live)
                    .unwrap(),
            );
        }
    }
}

#[test]
fn a_conversation_cut_anywhere_means_the_same() {
    let (bytes, requests) = conversation(&mut Session::new());
    let address = path::join("live/x", "in?source=en").unwrap();
    assert_eq!(requests, [Request::Publish { address, stream: 1 }]);
    for block in [1, 2, 3, 127, 128, 129, 5_000] {
        let (found, at_fault) = fed(&mut Session::new(), &bytes, block);
        assert!(found == requests && !at_fault, "in blocks of {block}");
    }
}

fn whole(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32).to_be_bytes();
    let mut bytes = vec![3, 0, 0, 0, length[1], length[2], length[3], kind, 1, 0, 0, 0];
    bytes.extend(body.chunks(128).collect::<Vec<_>>().join(&0xc3));
    bytes
}

#[test]
fn commands_may_leave_values_out() {
    let mut session = Session::new();
    let bare = [&[2, 0, 11][..], b"closeStream"].concat();
    assert_eq!(session.input(&whole(20, &bare)).unwrap(), [Request::Finish]);
    let behind_a_zero = [&[0][..], &bare].concat();
    assert_eq!(session.input(&whole(17, &behind_a_zero)).unwrap(), [Request::Finish]);
    assert!(matches!(session.input(&whole(20, &[5])), Err(Fault::NoCommand)));
}

#[test]
fn commands_are_as_deep_as_the_stack_is_safe() {
    let nested = |depth| [&[2, 0, 1, b'x', 5, 5][..], &b"\x03\x00\x01a".repeat(depth), &[5]].concat();
    let fed = |depth| Session::new().input(&whole(20, &nested(depth)));
    assert!(matches!(fed(MAX_OPENING), Err(Fault::Command(_))), "it is never closed");
    assert!(matches!(fed(MAX_OPENING + 1), Err(Fault::CommandTooDeep)));
}

#[test]
fn data_that_nests_without_end_takes_no_stack() {
    let mut session = Session::new();
    let deep = [&[2, 0, 1, b'x'][..], &b"\x03\x00\x01a".repeat(500_000)].concat();
    assert_eq!(session.input(&whole(15, &deep)).unwrap(), []);
}

/// Whole messages of every kind with bodies that are no such thing.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let amf = prop::collection::vec(prop_oneof![0_u8..18, any::<u8>()], 0..100);
    (0_u8..24, amf).prop_map(|(kind, body)| whole(kind, &body))
}

proptest! {
    #[test]
    fn no_message_is_too_strange(messages in prop::collection::vec(message(), 1..30), block in 1_usize..500) {
        fed(&mut Session::new(), &messages.concat(), block);
    }

    #[test]
    fn no_change_to_a_conversation_is_too_strange(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        tail in prop::collection::vec(any::<u8>(), 0..500),
        block in 1_usize..500,
    ) {
        let (mut bytes, _) = conversation(&mut Session::new());
        for (index, byte) in changes {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        bytes.extend(tail);
        fed(&mut Session::new(), &bytes, block);
    }
}
