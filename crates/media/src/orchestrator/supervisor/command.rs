//! What operators want of streams.

use tokio::sync::oneshot;

use super::super::session::{Event, State};
use super::Supervisor;
use super::upkeep::Kind;
use crate::forward::Forward;

/// What the API asks for.
#[derive(Debug)]
pub(crate) enum Command {
    /// Replace the worker.
    Restart { id: String, reply: oneshot::Sender<Answer> },
    /// Switch the dub of one target, or of all.
    Dub {
        id: String,
        target: Option<String>,
        enabled: bool,
        reply: oneshot::Sender<Answer>,
    },
    /// Replace the list of third parties.
    Forwards {
        id: String,
        list: Vec<Forward>,
        reply: oneshot::Sender<Answer>,
    },
    /// Take no further streams and end once none is on air, or take them again.
    Drain {
        wanted: bool,
        reply: oneshot::Sender<Answer>,
    },
    /// The service was told to stop: take no further streams, and end once none is on air.
    StopSoon,
}

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Done,
    NoSuchStream,
    NoSuchTarget,
    /// It is not being served.
    NotServed,
    /// As many streams have forwards as may have.
    TooMany,
    /// The service was told to stop, and that is not taken back.
    Stopping,
}

impl Supervisor {
    pub(super) fn command(&mut self, command: Command) {
        // Whoever asked may have gone; what was asked for is done all the same.
        match command {
            Command::Restart { id, reply } => {
                let answer = match self.streams.get(&id).map(|stream| Kind::of(stream.machine.state())) {
                    None => Answer::NoSuchStream,
                    Some(Kind::Idle | Kind::Ended) => Answer::NotServed,
                    Some(_) => Answer::Done,
                };
                if answer == Answer::Done {
                    tracing::info!(stream = id, "an operator restarts the worker");
                    self.feed(&id, Event::Restart);
                }
                reply.send(answer).ok();
            }
            Command::Dub {
                id,
                target,
                enabled,
                reply,
            } => {
                let answer = match self.streams.get(&id).map(|stream| stream.machine.state()) {
                    None => Answer::NoSuchStream,
                    Some(State::On(life)) => match &target {
                        Some(target) if !life.settings.targets.contains(target) => Answer::NoSuchTarget,
                        _ => Answer::Done,
                    },
                    Some(_) => Answer::NotServed,
                };
                if answer == Answer::Done {
                    tracing::info!(stream = id, target, enabled, "an operator switches the dub");
                    self.feed(&id, Event::Mute { target, on: !enabled });
                }
                reply.send(answer).ok();
            }
            Command::Forwards { id, list, reply } => {
                let answer = self.set_forwards(&id, list);
                // Whoever asked looks at the snapshot next.
                self.publish(None);
                reply.send(answer).ok();
            }
            Command::Drain { wanted, reply } => {
                let answer = self.set_drain(wanted);
                self.publish(None);
                reply.send(answer).ok();
            }
            Command::StopSoon => self.stop_soon(),
        }
    }
}
