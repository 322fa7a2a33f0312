//! Third parties that a session's programmes also go to: each an egress of its own, fed what the router is fed.
//!
//! The list can change at any time, also before the programmes begin. What is in both the old and the new list goes on
//! undisturbed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use dragoman_service::backoff::Backoff;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::egress::{Description, Destination, Egress, Kind, Report, Tag};
use crate::control::{EgressState, ForwardStatus};
use crate::forward::{Allow, Forward, Forwards};

/// Between two attempts to reach a third party: the first, and the longest.
const RETRY: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(30)];
/// The share by which each is shortened at random: after a cut not all come back at once.
const JITTER: f64 = 0.5;

/// The forwards of a session; cheap to clone.
#[derive(Clone)]
pub(crate) struct Forwarding(Arc<Mutex<State>>);

/// Everything that one programme goes to; cheap to clone.
#[derive(Clone)]
pub(crate) struct Outlet {
    router: Egress,
    forwarding: Forwarding,
    programme: usize,
}

struct State {
    wanted: Forwards,
    hash: String,
    allow: Arc<Allow>,
    programmes: Vec<Source>,
    running: Vec<Running>,
    is_over: bool,
    backoff: Backoff,
    cancel: CancellationToken,
}

/// What a forward that comes later has to know of its programme.
struct Source {
    target: String,
    /// From when the programme is on air.
    description: Option<Description>,
    video: Option<Tag>,
    audio: Option<Tag>,
}

struct Running {
    forward: Forward,
    programme: usize,
    egress: Egress,
    task: JoinHandle<()>,
    cancel: CancellationToken,
}

impl Outlet {
    /// What goes to `router` goes to the forwards of `programme` too.
    pub(crate) fn new(router: Egress, forwarding: Forwarding, programme: usize) -> Self {
        Self {
            router,
            forwarding,
            programme,
        }
    }

    /// Queues a tag everywhere; never waits.
    pub(crate) fn send(&self, tag: Tag) {
        self.forwarding.with(|state| state.send(self.programme, &tag));
        self.router.send(tag);
    }

    /// How the router takes it.
    pub(crate) fn report(&self) -> Report {
        self.router.report()
    }
}

impl Forwarding {
    /// Forwards of programmes with these targets; all end with `cancel`.
    pub(crate) fn new<'a>(
        wanted: Forwards,
        targets: impl Iterator<Item = &'a str>,
        cancel: CancellationToken,
    ) -> Result<Self> {
        let programmes = targets.map(|target| Source {
            target: target.to_owned(),
            description: None,
            video: None,
            audio: None,
        });
        Ok(Self(Arc::new(Mutex::new(State {
            hash: wanted.hash(),
            allow: Arc::new(wanted.allow.clone()),
            wanted,
            programmes: programmes.collect(),
            running: Vec::new(),
            is_over: false,
            backoff: Backoff::new(RETRY[0], RETRY[1], JITTER)?,
            cancel,
        }))))
    }

    /// Another list. To be called within the runtime.
    pub(crate) fn set(&self, wanted: Forwards) {
        self.with(|state| state.set(wanted));
    }

    /// A programme goes on air. To be called within the runtime.
    pub(crate) fn begin(&self, programme: usize, description: &Description) {
        self.with(|state| {
            if let Some(source) = state.programmes.get_mut(programme) {
                source.description = Some(description.clone());
            }
            state.start();
        });
    }

    /// Nothing more comes: gives back the tasks that send what is queued.
    pub(crate) fn end(&self) -> Vec<JoinHandle<()>> {
        self.with(|state| {
            state.is_over = true;
            state.running.drain(..).map(|running| running.task).collect()
        })
    }

    /// One for each in the list, in its order, and the list's hash.
    pub(crate) fn status(&self) -> (Vec<ForwardStatus>, String) {
        self.with(|state| {
            let statuses = state.wanted.list.iter().map(|forward| state.status(forward));
            (statuses.collect(), state.hash.clone())
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn send(&mut self, programme: usize, tag: &Tag) {
        let Some(source) = self.programmes.get_mut(programme) else {
            return;
        };
        match tag {
            Tag::VideoHeader { .. } => source.video = Some(tag.clone()),
            Tag::AudioHeader(_) => source.audio = Some(tag.clone()),
            Tag::Video { .. } | Tag::Audio { .. } => {}
        }
        for running in self.running.iter().filter(|running| running.programme == programme) {
            running.egress.send(tag.clone());
        }
    }

    fn set(&mut self, wanted: Forwards) {
        if wanted == self.wanted {
            return;
        }
        info!(forwards = wanted.list.len(), "other forwards");
        // What one judge let through another may not.
        let same_judge = wanted.allow == self.wanted.allow;
        let running = std::mem::take(&mut self.running);
        for mut one in running {
            let is_same = |forward: &&Forward| forward.url == one.forward.url && forward.target == one.forward.target;
            match wanted.list.iter().find(is_same).filter(|_| same_judge) {
                Some(forward) => {
                    one.forward = forward.clone();
                    self.running.push(one);
                }
                None => one.cancel.cancel(),
            }
        }
        self.hash = wanted.hash();
        self.allow = Arc::new(wanted.allow.clone());
        self.wanted = wanted;
        self.start();
    }

    /// Starts what is wanted, does not run, and has a programme that is on air.
    fn start(&mut self) {
        if self.is_over {
            return;
        }
        for forward in &self.wanted.list {
            let runs = self.running.iter().any(|running| running.forward == *forward);
            let Some(programme) = self.programme_of(forward).filter(|_| !runs) else {
                continue;
            };
            let Source {
                description: Some(description),
                video,
                audio,
                ..
            } = &self.programmes[programme]
            else {
                continue;
            };
            let destination = Destination {
                name: forward.name.clone(),
                url: forward.url.clone(),
                kind: Kind::ThirdParty {
                    allow: self.allow.clone(),
                    backoff: self.backoff,
                },
            };
            let cancel = self.cancel.child_token();
            let (egress, task) = Egress::start(destination, description.clone(), cancel.clone());
            for header in [video, audio].into_iter().flatten() {
                egress.send(header.clone());
            }
            self.running.push(Running {
                forward: forward.clone(),
                programme,
                egress,
                task,
                cancel,
            });
        }
    }

    fn programme_of(&self, forward: &Forward) -> Option<usize> {
        match &forward.target {
            None => (!self.programmes.is_empty()).then_some(0),
            Some(target) => self.programmes.iter().position(|source| source.target == *target),
        }
    }

    fn status(&self, forward: &Forward) -> ForwardStatus {
        let programme = self.programme_of(forward).map(|index| &self.programmes[index]);
        let running = self.running.iter().find(|running| running.forward == *forward);
        let report = running.map(|running| running.egress.report()).unwrap_or_default();
        let waits = match programme {
            None => Some("the stream has no programme in this language"),
            Some(source) if source.description.is_none() => Some("the programme is not on air yet"),
            Some(_) => None,
        };
        ForwardStatus {
            name: forward.name.clone(),
            target: programme.map(|source| source.target.clone()),
            state: match waits {
                Some(_) => EgressState::Off,
                None => report.state,
            },
            reason: waits.map(str::to_owned).or(report.reason),
            video_units: report.video_units,
            audio_frames: report.audio_frames,
            connects: report.connects,
            failures: report.failures,
            dropped_units: report.dropped_units,
        }
    }
}
