//! How much can be served at once: slots, counted in halves so that sums are exact.

use serde::{Serialize, Serializer};

use super::settings::MAX_TARGETS;

/// Half slots. Shown as slots: `2`, `1.5`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Halves(usize);

impl Halves {
    /// What a stream takes whose settings are not known yet: as much as one can.
    pub(crate) const MOST: Halves = Halves::of(MAX_TARGETS);

    /// That many whole slots.
    pub(crate) const fn slots(count: usize) -> Halves {
        Halves(count * 2)
    }

    /// What a stream with that many targets takes: a slot, and half a slot more for each target beyond the first.
    pub(crate) const fn of(targets: usize) -> Halves {
        Halves(1 + if targets == 0 { 1 } else { targets })
    }

    /// What is left of these when `used` is taken; nothing when it is more.
    pub(crate) const fn less(self, used: Halves) -> Halves {
        Halves(self.0.saturating_sub(used.0))
    }

    /// In slots.
    pub(crate) fn as_slots(self) -> f64 {
        self.0 as f64 / 2.0
    }
}

impl std::iter::Sum for Halves {
    fn sum<I: Iterator<Item = Halves>>(all: I) -> Halves {
        Halves(all.map(|halves| halves.0).sum())
    }
}

impl std::fmt::Display for Halves {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.as_slots())
    }
}

impl Serialize for Halves {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_multiple_of(2) {
            serializer.serialize_u64((self.0 / 2) as u64)
        } else {
            serializer.serialize_f64(self.as_slots())
        }
    }
}

/// What is taken of what there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Capacity {
    pub(crate) slots: Halves,
    /// More than `slots` while workers are taken over that an earlier configuration allowed.
    pub(crate) used: Halves,
    /// No further stream is taken.
    pub(crate) draining: bool,
}

impl Capacity {
    /// What further streams may take, were none refused.
    pub(crate) fn free(&self) -> Halves {
        self.slots.less(self.used)
    }

    /// What a stream that is not served yet is offered.
    pub(crate) fn offer(&self) -> Offer {
        if self.draining {
            Offer::Draining
        } else {
            Offer::Free(self.free())
        }
    }
}

/// What a stream is offered that is not served yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offer {
    Free(Halves),
    Draining,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_target_beyond_the_first_takes_half() {
        let shown: Vec<String> = (1..=MAX_TARGETS)
            .map(|targets| Halves::of(targets).to_string())
            .collect();
        assert_eq!(shown, ["1", "1.5", "2", "2.5"]);
        let capacity = Capacity {
            slots: Halves::slots(8),
            used: Halves::of(2),
            draining: false,
        };
        assert_eq!(json!(capacity), json!({"slots": 8, "used": 1.5, "draining": false}));
    }

    proptest! {
        /// Streams that come and go, each let in only into what is offered, never take more than there is; and what
        /// fits is let in.
        #[test]
        fn never_more_is_taken_than_there_is(
            slots in 1..20usize,
            history in prop::collection::vec((1..=MAX_TARGETS, any::<prop::sample::Index>(), any::<bool>()), 0..100),
        ) {
            let mut taken: Vec<Halves> = Vec::new();
            for (targets, index, leaves) in history {
                if leaves && !taken.is_empty() {
                    taken.swap_remove(index.index(taken.len()));
                }
                let used: Halves = taken.iter().copied().sum();
                let capacity = Capacity { slots: Halves::slots(slots), used, draining: false };
                let Offer::Free(free) = capacity.offer() else { panic!("it does not drain") };
                prop_assert_eq!(free.as_slots() + used.as_slots(), slots as f64);
                let fits = Halves::of(targets) <= free;
                prop_assert_eq!(fits, used.as_slots() + 1.0 + (targets - 1) as f64 * 0.5 <= slots as f64);
                if fits {
                    taken.push(Halves::of(targets));
                }
                prop_assert_eq!(Capacity { draining: true, ..capacity }.offer(), Offer::Draining);
            }
        }
    }
}
