mod random;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::state::Refusal;
use super::*;
use crate::control::{ProgrammeStatus, WorkerState, exit};

const GRACE: Duration = Duration::from_secs(15);
const PLENTY: Offer = Offer::Free(Halves::slots(8));

fn fresh_id() -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    format!("session-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

fn policy() -> Policy {
    let hold = Duration::from_millis(2500);
    let defaults = Settings {
        source: "auto".into(),
        targets: vec!["es".into(), "fr".into()],
        hold,
    };
    Policy {
        defaults,
        grace: GRACE,
        rtsp: false,
        fresh_id,
    }
}

fn source(id: &str) -> Source {
    Source {
        id: id.into(),
        query: String::new(),
        tracks: Some(vec!["H264".into(), "MPEG-4 Audio".into()]),
    }
}

fn present(id: &str) -> Event {
    Event::Present {
        source: source(id),
        offer: PLENTY,
    }
}

fn crash() -> Event {
    Event::Gone(Gone::Crash("killed".into()))
}

fn status(out_ns: i64, muted: bool) -> Event {
    let programme = |target: &str| ProgrammeStatus {
        target: target.into(),
        muted,
        ..ProgrammeStatus::default()
    };
    let programmes = vec![programme("es"), programme("fr")];
    Event::Status(Box::new(Status {
        state: WorkerState::Live,
        shift_ns: 7,
        out_ns,
        programmes,
        ..Status::default()
    }))
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn plan(effects: &[Effect]) -> &Plan {
    match effects {
        [Effect::Start(plan)] => plan,
        other => panic!("no start: {other:?}"),
    }
}

fn refusal(machine: &Machine) -> &Refusal {
    match machine.state() {
        State::Refused { refusal, .. } => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

/// A machine with a worker that has served source 1 for a second.
fn live() -> Machine {
    let mut machine = Machine::new("a", policy());
    plan(&machine.on(present("1"), ms(0)));
    assert_eq!(machine.on(status(5, false), ms(1000)), []);
    machine
}

#[test]
fn a_stream_is_served_once_however_often_it_is_seen() {
    let mut machine = live();
    for at in 1..10 {
        assert_eq!(machine.on(present("1"), ms(at * 2000)), []);
    }
}

#[test]
fn a_publisher_that_comes_back_keeps_session_and_worker() {
    let mut machine = live();
    assert_eq!(machine.on(Event::Absent, ms(2000)), []);
    assert_eq!(
        machine.on(present("2"), ms(9000)),
        [Effect::Tell(ToWorker::Source { id: "2".into() })]
    );
    assert_eq!(machine.on(present("2"), ms(11_000)), []);
    // The hook that says that the first connection left comes late.
    assert_eq!(machine.on(Event::Left("1".into()), ms(11_001)), []);
    assert_eq!(machine.next_tick(), None);
}

#[test]
fn a_publisher_that_stays_away_ends_the_session() {
    let mut machine = live();
    machine.on(Event::Absent, ms(2000));
    let over = machine.next_tick().unwrap();
    assert!(over > ms(2000) + GRACE);
    let drain = Effect::Tell(ToWorker::Drain { deadline_ms: 5000 });
    assert_eq!(machine.on(Event::Tick, over), [drain]);
    let gone = Event::Gone(Gone::Bye(exit::ENDED, "drained".into()));
    assert_eq!(machine.on(gone, over + ms(3000)), [Effect::Poll]);
    assert!(matches!(machine.state(), State::Ended { .. }));
}

#[test]
fn a_lost_worker_is_replaced_at_once_and_goes_on_where_it_was() {
    let mut machine = live();
    machine.on(
        Event::Mute {
            target: Some("fr".into()),
            on: true,
        },
        ms(1200),
    );
    let effects = machine.on(crash(), ms(1500));
    let resume = Resume {
        shift_ns: 7,
        out_ns: 5,
        age_ns: 500_000_000,
    };
    assert_eq!(plan(&effects).resume, Some(resume));
    assert!(plan(&effects).muted["fr"]);
    // The replacement dies before it has sent anything: the next one still knows.
    assert_eq!(machine.on(crash(), ms(1600)), []);
    let effects = machine.on(Event::Tick, machine.next_tick().unwrap());
    assert_eq!(plan(&effects).resume.map(|r| r.out_ns), Some(5));
}

#[test]
fn a_worker_that_keeps_failing_makes_the_stream_degraded_but_is_tried_on() {
    let mut machine = live();
    let mut now = ms(1000);
    let mut starts = 0;
    while !matches!(machine.state(), State::On(life) if matches!(life.slot, Slot::Empty { degraded: true, .. })) {
        machine.on(crash(), now);
        now = machine.next_tick().unwrap_or(now);
        machine.on(Event::Tick, now - ms(0));
        starts += 1;
        assert!(starts < 10);
        if starts == 6 {
            break;
        }
    }
    assert_eq!(starts, 6);
    assert!(now > ms(30_000), "waits between tries: {now:?}");
}

#[test]
fn no_worker_is_started_for_a_publisher_that_is_away() {
    let mut machine = live();
    machine.on(Event::Absent, ms(2000));
    assert_eq!(machine.on(crash(), ms(2100)), []);
    assert_eq!(machine.on(Event::Tick, ms(5000)), []);
    let effects = machine.on(present("2"), ms(6000));
    assert_eq!(plan(&effects).source_id, "2");
}

#[test]
fn what_cannot_be_served_is_refused_until_another_source_comes() {
    let mut machine = Machine::new("a", policy());
    let with = |id: &str, query: &str, tracks: &[&str]| {
        let tracks = Some(tracks.iter().map(|&t| t.to_owned()).collect());
        Event::Present {
            source: Source {
                id: id.into(),
                query: query.into(),
                tracks,
            },
            offer: PLENTY,
        }
    };
    assert_eq!(machine.on(with("1", "", &["H265", "MPEG-4 Audio"]), ms(0)), []);
    assert_eq!(refusal(&machine).kind, RefusalKind::Codec);
    assert!(refusal(&machine).reason.contains("H265"));
    machine.on(with("2", "hold=forever", &["H264"]), ms(1000));
    assert_eq!(refusal(&machine).kind, RefusalKind::Query);
    plan(&machine.on(with("3", "hold=0", &["H264"]), ms(2000)));
    let mut machine = Machine::new("a b", policy());
    machine.on(present("1"), ms(0));
    assert_eq!(refusal(&machine).kind, RefusalKind::StreamId);
}

#[test]
fn a_full_service_serves_once_there_is_room() {
    let mut machine = Machine::new("a", policy());
    machine.on(
        Event::Present {
            source: source("1"),
            offer: Offer::Free(Halves::of(1)),
        },
        ms(0),
    );
    assert_eq!(refusal(&machine).kind, RefusalKind::Full);
    plan(&machine.on(present("1"), ms(2000)));
}

#[test]
fn a_draining_service_goes_on_with_what_is_on_air_and_takes_nothing_else() {
    let offered = |id: &str, query: &str| Event::Present {
        source: Source {
            query: query.into(),
            ..source(id)
        },
        offer: Offer::Draining,
    };
    let mut machine = Machine::new("a", policy());
    assert_eq!(machine.on(offered("1", ""), ms(0)), []);
    assert_eq!(refusal(&machine).kind, RefusalKind::Draining);
    assert_eq!(machine.takes(), Halves::default());
    plan(&machine.on(present("1"), ms(1000)));
    assert_eq!(machine.takes(), Halves::of(2));
    // Back within the grace, and with a new worker.
    machine.on(Event::Absent, ms(2000));
    machine.on(offered("2", ""), ms(3000));
    plan(&machine.on(crash(), ms(4000)));
    // Other settings are another stream.
    machine.on(offered("3", "target=de"), ms(70_000));
    machine.on(Event::Gone(Gone::Bye(exit::ENDED, "drained".into())), ms(71_000));
    assert_eq!(machine.on(offered("3", "target=de"), ms(72_000)), []);
    assert_eq!(refusal(&machine).kind, RefusalKind::Draining);
}

#[test]
fn media_that_the_worker_refuses_is_not_tried_again() {
    let mut machine = live();
    machine.on(
        Event::Gone(Gone::Bye(exit::MEDIA_REFUSED, "no keyframe".into())),
        ms(1500),
    );
    assert_eq!(machine.on(present("1"), ms(4000)), []);
    assert_eq!(refusal(&machine).reason, "no keyframe");
}

#[test]
fn other_settings_are_another_session() {
    let mut machine = live();
    let State::On(life) = machine.state() else { panic!() };
    let first = life.session.clone();
    let other = || Event::Present {
        source: Source {
            query: "target=de".into(),
            ..source("2")
        },
        offer: PLENTY,
    };
    assert!(matches!(
        machine.on(other(), ms(2000))[..],
        [Effect::Tell(ToWorker::Drain { .. })]
    ));
    assert_eq!(machine.on(other(), ms(3000)), []);
    assert_eq!(
        machine.on(Event::Gone(Gone::Bye(exit::ENDED, "drained".into())), ms(4000)),
        [Effect::Poll]
    );
    let effects = machine.on(other(), ms(4001));
    assert_eq!(plan(&effects).settings.targets, ["de"]);
    assert_ne!(plan(&effects).session, first);
    assert_eq!(plan(&effects).resume, None);
}

#[test]
fn a_found_worker_is_taken_over_with_what_it_knows() {
    let mut machine = Machine::adopting("a", policy());
    assert_eq!(machine.on(present("2"), ms(0)), []);
    let hello = Hello {
        control: 1,
        build: "0".into(),
        stream: "a".into(),
        session: "old".into(),
        source_id: "1".into(),
        spec_hash: "x".into(),
        shift_ns: 7,
        source: "auto".into(),
        targets: vec!["es".into(), "fr".into()],
        hold_ms: 2500,
        forwards: crate::forward::Forwards::default(),
    };
    assert_eq!(machine.on(Event::Hello(hello), ms(10)), [Effect::Poll]);
    assert_eq!(machine.on(status(5, true), ms(20)), [], "its mute stands");
    assert_eq!(
        machine.on(present("2"), ms(30)),
        [Effect::Tell(ToWorker::Source { id: "2".into() })]
    );
    let effects = machine.on(crash(), ms(1000));
    assert_eq!(
        (plan(&effects).session.as_str(), plan(&effects).muted["es"]),
        ("old", true)
    );
}

#[test]
fn an_order_that_was_lost_goes_again() {
    let mut machine = live();
    let order = |target: &str| {
        Effect::Tell(ToWorker::Mute {
            target: target.into(),
            on: true,
        })
    };
    assert_eq!(
        machine.on(Event::Mute { target: None, on: true }, ms(1100)),
        [order("es"), order("fr")]
    );
    assert_eq!(machine.on(status(6, false), ms(1500)), [order("es"), order("fr")]);
    assert_eq!(machine.on(status(7, true), ms(2000)), []);
}

#[test]
fn a_worker_that_does_not_drain_is_killed() {
    let mut machine = live();
    assert!(matches!(
        machine.on(Event::Restart, ms(2000))[..],
        [Effect::Tell(ToWorker::Drain { deadline_ms: 1000 })]
    ));
    let kill_at = machine.next_tick().unwrap();
    assert_eq!(machine.on(Event::Tick, kill_at), [Effect::Kill]);
    assert_eq!(machine.on(Event::Tick, kill_at + ms(1)), []);
    let effects = machine.on(crash(), kill_at + ms(2));
    assert_eq!(plan(&effects).resume.map(|r| r.out_ns), Some(5));
}
