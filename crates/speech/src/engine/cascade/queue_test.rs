use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Copy, Debug)]
enum Step {
    Push(u8),
    Pop,
    /// The n-th of those that are dealt with.
    Done(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0_u8..5).prop_map(Step::Push),
        2 => Just(Step::Pop),
        2 => (0_usize..8).prop_map(Step::Done),
    ];
    proptest::collection::vec(step, 0..200)
}

proptest! {
    /// Nothing is lost or doubled, a key's items keep their order and never overlap, whatever the threads do.
    #[test]
    fn every_item_leaves_once_in_its_keys_order(steps in steps()) {
        let mut queue = Queue::new();
        let mut pushed: BTreeMap<u8, u32> = BTreeMap::new();
        let mut popped: BTreeMap<u8, u32> = BTreeMap::new();
        let mut busy: Vec<u8> = Vec::new();
        for step in steps {
            match step {
                Step::Push(key) => {
                    let next = pushed.entry(key).or_default();
                    queue.push(key, *next);
                    *next += 1;
                }
                Step::Pop => match queue.pop() {
                    Some((key, item)) => {
                        prop_assert!(!busy.contains(&key));
                        busy.push(key);
                        let next = popped.entry(key).or_default();
                        prop_assert_eq!(item, *next);
                        *next += 1;
                    }
                    None => {
                        let idle = |key: &u8| !busy.contains(key);
                        let left = pushed.iter().any(|(key, n)| idle(key) && popped.get(key).unwrap_or(&0) < n);
                        prop_assert!(!left, "an item waits although its key is free");
                    }
                },
                Step::Done(n) if !busy.is_empty() => {
                    let key = busy.remove(n % busy.len());
                    queue.done(&key);
                }
                Step::Done(_) => {}
            }
            let waiting: u32 = pushed.values().sum::<u32>() - popped.values().sum::<u32>();
            prop_assert_eq!(queue.len(), waiting as usize);
        }
        for key in busy {
            queue.done(&key);
        }
        while let Some((key, item)) = queue.pop() {
            let next = popped.entry(key).or_default();
            prop_assert_eq!(item, *next);
            *next += 1;
            queue.done(&key);
        }
        prop_assert_eq!(pushed, popped);
        prop_assert!(queue.lines.is_empty() && queue.turns.is_empty(), "nothing is kept of a key that is through");
    }

    /// However much one stream has waiting, another one's first item waits for one item of each stream at most.
    #[test]
    fn a_full_stream_does_not_hold_others_up(many in 1_usize..100, others in 1_u8..6, threads in 1_usize..4) {
        let mut queue = Queue::new();
        for item in 0..many {
            queue.push(0_u8, item);
        }
        for key in 1..=others {
            queue.push(key, 0);
        }
        let mut busy = VecDeque::new();
        let mut left: Vec<u8> = (1..=others).collect();
        for _ in 0..=others {
            if busy.len() == threads
                && let Some(key) = busy.pop_front()
            {
                queue.done(&key);
            }
            let Some((key, _)) = queue.pop() else { break };
            left.retain(|other| *other != key);
            busy.push_back(key);
        }
        prop_assert_eq!(left, Vec::<u8>::new());
    }
}
