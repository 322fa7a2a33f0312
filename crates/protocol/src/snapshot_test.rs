//! What each message looks like on the wire.

use insta::assert_snapshot;

use crate::*;

const U: UtteranceId = UtteranceId(3);
const T: TargetId = TargetId(0);

fn assert_reads_back_client(message: &ClientMessage) {
    assert_eq!(
        ClientMessage::parse(&message.to_json()).unwrap(),
        Parsed {
            message: message.clone(),
            ignored: 0
        }
    );
}

fn client(message: ClientMessage) -> String {
    assert_reads_back_client(&message);
    message.to_json()
}

fn server(message: ServerMessage) -> String {
    assert_eq!(
        ServerMessage::parse(&message.to_json()).unwrap(),
        Parsed {
            message: message.clone(),
            ignored: 0
        }
    );
    message.to_json()
}

#[test]
fn client_messages() {
    let start = Start {
        stream: "talk".into(),
        session: "9f3c".into(),
        source: "en".into(),
        targets: vec![
            Target {
                id: T,
                lang: "es".into(),
                voice: None,
            },
            Target {
                id: TargetId(1),
                lang: "fr".into(),
                voice: Some("marie".into()),
            },
        ],
        rate: 16_000,
        hold_ms: 2_500,
        max_stale_ms: 6_000,
        window_ms: 20_000,
        from_ns: 0,
        resume: None,
        have: None,
        features: vec![],
    };
    let resumed = Start {
        targets: vec![Target {
            id: T,
            lang: "es".into(),
            voice: None,
        }],
        from_ns: 1_000,
        resume: Some("token".into()),
        have: Some(vec![Have {
            utterance: U,
            target: T,
            samples: 4_800,
        }]),
        features: vec!["x".into()],
        ..start.clone()
    };
    let status = Status {
        playhead_ns: 7_000_000_000,
        targets: vec![TargetStatus {
            id: T,
            queued_ms: 1_200,
            wait_ms: 0,
            rate: 1.1,
            dubbed_to_ns: 6_000_000_000,
        }],
    };
    assert_snapshot!(client(ClientMessage::Start(start)), @r#"{"type":"start","stream":"talk","session":"9f3c","source":"en","targets":[{"id":0,"lang":"es"},{"id":1,"lang":"fr","voice":"marie"}],"rate":16000,"hold_ms":2500,"max_stale_ms":6000,"window_ms":20000,"from_ns":0,"features":[]}"#);
    assert_snapshot!(client(ClientMessage::Start(resumed)), @r#"{"type":"start","stream":"talk","session":"9f3c","source":"en","targets":[{"id":0,"lang":"es"}],"rate":16000,"hold_ms":2500,"max_stale_ms":6000,"window_ms":20000,"from_ns":1000,"resume":"token","have":[{"utterance":3,"target":0,"samples":4800}],"features":["x"]}"#);
    assert_snapshot!(client(ClientMessage::Status(status)), @r#"{"type":"status","playhead_ns":7000000000,"targets":[{"id":0,"queued_ms":1200,"wait_ms":0,"rate":1.1,"dubbed_to_ns":6000000000}]}"#);
    let cancel = Cancel {
        utterance: U,
        target: Some(T),
        reason: CancelReason::Shed,
    };
    assert_snapshot!(client(ClientMessage::Cancel(cancel)), @r#"{"type":"cancel","utterance":3,"target":0,"reason":"shed"}"#);
    assert_snapshot!(client(ClientMessage::End(End { at_ns: 9 })), @r#"{"type":"end","at_ns":9}"#);
}

#[test]
fn server_messages() {
    let ready = Ready {
        resume: "token".into(),
        resume_ms: 10_000,
        audio_from_ns: 0,
        resumed: false,
        engine: "mock".into(),
        models: vec!["tone".into()],
        dub_rate: 24_000,
        lag_ms: Some(LagMs { p50: 300, p95: 300 }),
        features: vec![],
    };
    assert_snapshot!(server(ServerMessage::Ready(ready)), @r#"{"type":"ready","resume":"token","resume_ms":10000,"audio_from_ns":0,"resumed":false,"engine":"mock","models":["tone"],"dub_rate":24000,"lag_ms":{"p50":300,"p95":300},"features":[]}"#);
    assert_snapshot!(server(ServerMessage::Activity(Activity { speech: true, at_ns: 5 })), @r#"{"type":"activity","speech":true,"at_ns":5}"#);
    let utterance = Utterance {
        utterance: U,
        start_ns: 5,
        end_ns: 9,
        cut: Cut::Cap,
        lang: "en".into(),
        text: "good evening".into(),
    };
    assert_snapshot!(server(ServerMessage::Utterance(utterance)), @r#"{"type":"utterance","utterance":3,"start_ns":5,"end_ns":9,"cut":"cap","lang":"en","text":"good evening"}"#);
    let dub = Dub {
        utterance: U,
        target: T,
        text: "buenas noches".into(),
        estimate_ms: 900,
        stage_ms: StageMs { asr: 1, mt: 2, tts: 3 },
    };
    assert_snapshot!(server(ServerMessage::Dub(dub)), @r#"{"type":"dub","utterance":3,"target":0,"text":"buenas noches","estimate_ms":900,"stage_ms":{"asr":1,"mt":2,"tts":3}}"#);
    let end = DubEnd {
        utterance: U,
        target: T,
        outcome: Outcome::Done,
        samples: 21_600,
        code: None,
    };
    assert_snapshot!(server(ServerMessage::DubEnd(end.clone())), @r#"{"type":"dub_end","utterance":3,"target":0,"outcome":"done","samples":21600}"#);
    let failed = DubEnd {
        outcome: Outcome::Failed,
        code: Some(code::ENGINE_FAILED.into()),
        ..end
    };
    assert_snapshot!(server(ServerMessage::DubEnd(failed)), @r#"{"type":"dub_end","utterance":3,"target":0,"outcome":"failed","samples":21600,"code":"engine_failed"}"#);
    let stats = Stats {
        settled_ns: 5,
        open: 1,
        backlog_ms: 1_700,
    };
    assert_snapshot!(server(ServerMessage::Stats(stats)), @r#"{"type":"stats","settled_ns":5,"open":1,"backlog_ms":1700}"#);
    assert_snapshot!(server(ServerMessage::Draining(Draining { deadline_ms: 5_000 })), @r#"{"type":"draining","deadline_ms":5000}"#);
    let error = ServerError {
        code: code::UNSUPPORTED_PAIR.into(),
        message: "no voice speaks xx".into(),
        retryable: false,
        utterance: None,
    };
    assert_snapshot!(server(ServerMessage::Error(error)), @r#"{"type":"error","code":"unsupported_pair","message":"no voice speaks xx","retryable":false}"#);
    assert_snapshot!(server(ServerMessage::Done(Done { utterances: 12 })), @r#"{"type":"done","utterances":12}"#);
}
