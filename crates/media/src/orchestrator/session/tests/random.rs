//! Random histories.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

/// Anything that can happen, in any order.
fn event() -> impl Strategy<Value = Event> {
    let source = (
        0..3u8,
        prop_oneof![4 => Just(""), 1 => Just("target=de"), 1 => Just("hold=x")],
        0..4u8,
    );
    let source = source.prop_map(|(id, query, tracks)| Source {
        id: id.to_string(),
        query: query.into(),
        tracks: match tracks {
            0 => None,
            1 => Some(vec!["H265".into()]),
            _ => Some(vec!["H264".into(), "MPEG-4 Audio".into()]),
        },
    });
    prop_oneof![
        4 => (source, offer()).prop_map(|(source, offer)| Event::Present { source, offer }),
        2 => Just(Event::Absent),
        1 => (0..3u8).prop_map(|id| Event::Left(id.to_string())),
        2 => (0..9i64, any::<bool>()).prop_map(|(out, muted)| status(out, muted)),
        2 => Just(crash()),
        2 => prop_oneof![Just(0), Just(64), Just(65), Just(69), Just(70), Just(73), Just(75)]
            .prop_map(|code| Event::Gone(Gone::Bye(code, "bye".into()))),
        1 => Just(Event::Restart),
        1 => any::<bool>().prop_map(|on| Event::Mute { target: None, on }),
        4 => Just(Event::Tick),
    ]
}

fn offer() -> impl Strategy<Value = Offer> {
    prop_oneof![2 => Just(PLENTY), 1 => (0..4usize).prop_map(|n| Offer::Free(Halves::slots(n))), 1 => Just(Offer::Draining)]
}

proptest! {
    #[test]
    fn at_most_one_worker_and_none_after_the_stop(
        events in prop::collection::vec((event(), 0..20_000u64), 0..80),
        adopted: bool,
        stop_at in 0..80usize,
    ) {
        let mut machine = if adopted { Machine::adopting("a", policy()) } else { Machine::new("a", policy()) };
        let (mut workers, mut now, mut stopped) = (u32::from(adopted), Duration::ZERO, false);
        for (index, (event, pause)) in events.into_iter().enumerate() {
            now += ms(pause);
            if index == stop_at {
                machine.on(Event::Stop { drain: ms(7000) }, now);
                stopped = true;
            }
            // Only a worker that is there can say something or end.
            let from_worker = matches!(event, Event::Status(_) | Event::Gone(_));
            if from_worker && workers == 0 {
                continue;
            }
            if matches!(event, Event::Gone(_)) {
                workers -= 1;
            }
            for effect in machine.on(event, now) {
                match effect {
                    Effect::Start(_) => {
                        prop_assert!(!stopped, "started after the stop");
                        workers += 1;
                    }
                    Effect::Tell(_) | Effect::Kill => prop_assert_eq!(workers, 1, "an order to nobody"),
                    Effect::Poll => {}
                }
            }
            prop_assert!(workers <= 1);
            prop_assert_eq!(machine.has_worker(), workers == 1);
            prop_assert!(machine.next_tick().is_none_or(|at| at <= now + GRACE + ms(60_000)));
        }
    }

    /// Whatever came before: once the router says the same thing long enough, that is what is served.
    #[test]
    fn converges_to_what_the_router_says(
        events in prop::collection::vec((event(), 0..20_000u64), 0..60),
        there: bool,
    ) {
        let mut machine = Machine::new("a", policy());
        let (mut worker, mut now) = (false, Duration::ZERO);
        let mut feed = |machine: &mut Machine, event: Event, now| {
            if matches!(event, Event::Status(_) | Event::Gone(_)) && !worker {
                return;
            }
            worker &= !matches!(event, Event::Gone(_));
            let mut drained = false;
            for effect in machine.on(event, now) {
                worker |= matches!(effect, Effect::Start(_));
                drained |= matches!(effect, Effect::Tell(ToWorker::Drain { .. }) | Effect::Kill);
            }
            // A worker that is well ends when it is told to.
            if drained {
                worker = false;
                for effect in machine.on(Event::Gone(Gone::Bye(exit::ENDED, "drained".into())), now) {
                    worker |= matches!(effect, Effect::Start(_));
                }
            }
        };
        for (event, pause) in events {
            now += ms(pause);
            feed(&mut machine, event, now);
        }
        for _ in 0..60 {
            now += ms(2000);
            feed(&mut machine, if there { present("last") } else { Event::Absent }, now);
            feed(&mut machine, Event::Tick, now);
        }
        prop_assert_eq!(machine.has_worker(), there, "{:?}", machine.state());
        if let (true, State::On(life)) = (there, machine.state()) {
            prop_assert_eq!(&life.source.id, "last");
            prop_assert_eq!(&life.slot, &Slot::Busy { told: "last".into() });
        }
    }
}
