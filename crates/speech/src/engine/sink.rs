//! Where an engine's thread puts results: a bounded channel into the session.

use std::time::{Duration, Instant};

use dragoman_protocol::UtteranceId;
use tokio::sync::mpsc::{self, error::TrySendError};

use super::Event;

/// Events on their way to one session. A session reads them at once, whatever its socket does, so a full channel means that
/// the process has no processor time left.
const CAPACITY: usize = 256;
/// How long an engine waits for room before it gives the session up: others want to be dubbed too.
const PATIENCE: Duration = Duration::from_secs(2);
/// Time between two looks for room.
const RETRY: Duration = Duration::from_millis(5);

/// What arrives at a session: an event of one of its utterances.
pub type Arrival = (UtteranceId, Event);

/// The engine's end.
#[derive(Clone, Debug)]
pub struct Sink {
    utterance: UtteranceId,
    sender: mpsc::Sender<Arrival>,
}

/// The session does not want any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the session is gone")]
pub struct Gone;

impl Sink {
    /// A channel for all jobs of a session.
    pub fn channel() -> (mpsc::Sender<Arrival>, mpsc::Receiver<Arrival>) {
        mpsc::channel(CAPACITY)
    }

    /// The end for one job.
    pub fn new(utterance: UtteranceId, sender: mpsc::Sender<Arrival>) -> Self {
        Self { utterance, sender }
    }

    /// Hands an event over. Blocks while the channel is full, but not for long: only for threads of an engine.
    pub fn send(&self, event: Event) -> Result<(), Gone> {
        let deadline = Instant::now() + PATIENCE;
        let mut event = (self.utterance, event);
        loop {
            event = match self.sender.try_send(event) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Closed(_)) => return Err(Gone),
                Err(TrySendError::Full(_)) if Instant::now() >= deadline => {
                    tracing::error!(
                        utterance = self.utterance.0,
                        "a session does not take what the engine made for it"
                    );
                    return Err(Gone);
                }
                Err(TrySendError::Full(event)) => event,
            };
            std::thread::sleep(RETRY);
        }
    }
}
