//! Arbitrary bytes never panic; what is written is read back equal.

use proptest::prelude::*;

use crate::*;

fn kind() -> impl Strategy<Value = (Kind, TargetId)> {
    prop_oneof![
        Just((Kind::Source, TargetId::SOURCE)),
        (0u8..255).prop_map(|target| (Kind::Dub, TargetId(target))),
    ]
}

proptest! {
    #[test]
    fn frames_round_trip(
        (kind, target) in kind(),
        flags: u16,
        utterance: u32,
        seq: u32,
        pts in 0..limits::MAX_ABS_NS,
        samples in prop::collection::vec(any::<i16>(), 1..2000),
    ) {
        let frame = AudioFrame {
            kind,
            target,
            flags: Flags(flags),
            utterance: UtteranceId(utterance),
            seq,
            pts,
            pcm: Pcm::from_samples(&samples),
        };
        let read = AudioFrame::decode(frame.encode()).unwrap();
        prop_assert_eq!(read.pcm.iter().collect::<Vec<_>>(), samples);
        prop_assert_eq!(read, frame);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(frame) = AudioFrame::decode(bytes.clone().into()) {
            prop_assert_eq!(frame.encode().to_vec(), bytes);
        }
    }

    #[test]
    fn nearly_good_frames_never_panic(at in 0usize..40, to: u8, cut in 0usize..40) {
        let mut bytes = AudioFrame::source(1, 2, Flags::NONE, Pcm::from_samples(&[3; 8])).encode().to_vec();
        bytes[at] = to;
        bytes.truncate(40 - cut);
        if let Ok(frame) = AudioFrame::decode(bytes.clone().into()) {
            prop_assert_eq!(frame.encode().to_vec(), bytes);
        }
    }

    #[test]
    fn arbitrary_text_never_panics(text in ".{0,200}") {
        prop_assert_eq!(ClientMessage::parse(&text).is_ok(), serde_json::from_str::<ClientMessage>(&text).is_ok());
        prop_assert_eq!(ServerMessage::parse(&text).is_ok(), serde_json::from_str::<ServerMessage>(&text).is_ok());
        Refusal::parse(text.as_bytes());
        Version::parse(&text);
    }

    #[test]
    fn messages_round_trip(
        utterance: u32,
        start_ns: i64,
        end_ns: i64,
        text in ".{0,80}",
        lang in "[a-z]{2}",
        samples: u64,
        rate in 1.0f64..1.25,
    ) {
        let server = ServerMessage::Utterance(Utterance {
            utterance: UtteranceId(utterance),
            start_ns,
            end_ns,
            cut: Cut::Pause,
            lang,
            text: text.clone(),
        });
        let read = ServerMessage::parse(&server.to_json()).unwrap();
        prop_assert_eq!(read, Parsed { message: server, ignored: 0 });
        let end = ServerMessage::DubEnd(DubEnd {
            utterance: UtteranceId(utterance),
            target: TargetId(1),
            outcome: Outcome::Failed,
            samples,
            code: Some(text),
        });
        let read = ServerMessage::parse(&end.to_json()).unwrap();
        prop_assert_eq!(read, Parsed { message: end, ignored: 0 });
        let status = ClientMessage::Status(Status {
            playhead_ns: start_ns,
            targets: vec![TargetStatus { id: TargetId(3), queued_ms: 1, wait_ms: 2, rate, dubbed_to_ns: end_ns }],
        });
        let Parsed { message: ClientMessage::Status(read), ignored: 0 } = ClientMessage::parse(&status.to_json()).unwrap() else {
            return Err(TestCaseError::fail("not a status"));
        };
        prop_assert!((read.targets[0].rate - rate).abs() < 1e-9);
        prop_assert_eq!(read.playhead_ns, start_ns);
    }
}
