//! What waits for a stage, fair between streams. Pure.
//!
//! Each item has a key. The items of one key leave in the order in which they came, one at a time: the next one waits until the
//! one before it is [`Queue::done`]. Between keys turns go round, so that a stream with much to do waits for its own items and
//! not others for it: an item at the head of its key waits for at most one item of each other key.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// See the module.
#[derive(Debug)]
pub(super) struct Queue<K, T> {
    lines: HashMap<K, Line<T>>,
    /// Keys that have something to give, each once, the next one first.
    turns: VecDeque<K>,
    len: usize,
}

#[derive(Debug)]
struct Line<T> {
    waiting: VecDeque<T>,
    busy: bool,
}

impl<K: Clone + Eq + Hash, T> Queue<K, T> {
    pub(super) fn new() -> Self {
        Self {
            lines: HashMap::new(),
            turns: VecDeque::new(),
            len: 0,
        }
    }

    /// Items that wait.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Items of one key that wait.
    pub(super) fn len_of(&self, key: &K) -> usize {
        self.lines.get(key).map_or(0, |line| line.waiting.len())
    }

    /// Whether [`Queue::pop`] has something.
    pub(super) fn has_turn(&self) -> bool {
        !self.turns.is_empty()
    }

    pub(super) fn push(&mut self, key: K, item: T) {
        let line = self.lines.entry(key.clone()).or_insert_with(|| Line {
            waiting: VecDeque::new(),
            busy: false,
        });
        if line.waiting.is_empty() && !line.busy {
            self.turns.push_back(key);
        }
        line.waiting.push_back(item);
        self.len += 1;
    }

    /// The next item; its key gives no other one until it is done.
    pub(super) fn pop(&mut self) -> Option<(K, T)> {
        let key = self.turns.pop_front()?;
        let line = self.lines.get_mut(&key)?;
        let item = line.waiting.pop_front()?;
        line.busy = true;
        self.len -= 1;
        Some((key, item))
    }

    /// The item that [`Queue::pop`] gave for this key is dealt with.
    pub(super) fn done(&mut self, key: &K) {
        let Some(line) = self.lines.get_mut(key) else { return };
        line.busy = false;
        if line.waiting.is_empty() {
            self.lines.remove(key);
        } else {
            self.turns.push_back(key.clone());
        }
    }
}

#[cfg(test)]
#[path = "queue_test.rs"]
mod tests;
