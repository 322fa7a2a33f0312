//! The actor that owns all streams: feeds their machines, performs the effects, publishes the snapshot.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::link::{Launch, Link, Report};
use super::metrics::Counters;
use super::plan;
use super::poller::{Hint, Truth};
use super::process;
use super::session::{Effect, Event, Gone, Machine, Policy, Source};
use super::view::{ProcessFacts, RouterView, Snapshot};
use crate::config::Config;
use crate::control::ToWorker;

mod command;
mod drain;
mod forwards;
mod upkeep;

pub(crate) use command::{Answer, Command};
use drain::Drain;
pub(crate) use drain::Wish;
use upkeep::Kind;

/// How long workers may play out when the service stops: below the 10 s after which containers are killed.
pub(crate) const DRAIN: Duration = Duration::from_secs(7);
/// How often the workers' processes are looked at.
const MEASURE_EVERY: Duration = Duration::from_secs(2);
/// Far more than are ever served: what is beyond is not even refused by name.
const MAX_KNOWN: usize = 1024;
/// Requests wait here; when full the API answers 503.
const COMMANDS: usize = 32;
/// Reports wait here; when full the links stop reading, and the workers' own queues fill.
const REPORTS: usize = 256;

/// How the rest of the process reaches the supervisor.
#[derive(Clone, Debug)]
pub(crate) struct Handle {
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) snapshot: watch::Receiver<Arc<Snapshot>>,
}

/// Owns all streams.
pub(crate) struct Supervisor {
    config: Config,
    policy: Policy,
    /// Program and arguments of a worker.
    program: Vec<PathBuf>,
    counters: Arc<Counters>,
    poke: Arc<Notify>,
    epoch: Instant,
    streams: BTreeMap<String, Stream>,
    router: RouterView,
    snapshot: watch::Sender<Arc<Snapshot>>,
    commands: mpsc::Receiver<Command>,
    reports: mpsc::Receiver<(String, Report)>,
    /// Given to each link.
    reporter: mpsc::Sender<(String, Report)>,
    measured: u64,
    forwards: forwards::Kept,
    drain: Drain,
    wish: Wish,
}

struct Stream {
    machine: Machine,
    link: Option<Link>,
    process: Option<(ProcessFacts, process::Usage)>,
}

enum Wake {
    Stop,
    Report(String, Report),
    Command(Command),
    Truth(Truth),
    Tick,
    Measure,
}

impl Supervisor {
    /// A supervisor without streams, and the handle to it.
    pub(crate) fn new(
        config: Config,
        program: Vec<PathBuf>,
        counters: Arc<Counters>,
        poke: Arc<Notify>,
        wish: Wish,
    ) -> (Supervisor, Handle) {
        let (commands_sender, commands) = mpsc::channel(COMMANDS);
        let (snapshot, receiver) = watch::channel(Arc::default());
        let (reporter, reports) = mpsc::channel(REPORTS);
        let policy = Policy {
            defaults: config.defaults.clone(),
            grace: config.grace,
            rtsp: config.router.rtsp.is_some(),
            fresh_id: || uuid::Uuid::new_v4().simple().to_string(),
        };
        let supervisor = Supervisor {
            config,
            policy,
            program,
            counters,
            poke,
            epoch: Instant::now(),
            streams: BTreeMap::new(),
            router: RouterView {
                reachable: false,
                reason: Some("not asked yet".to_owned()),
            },
            snapshot,
            commands,
            reports,
            reporter,
            measured: 0,
            forwards: forwards::Kept::default(),
            drain: Drain::No,
            wish,
        };
        (
            supervisor,
            Handle {
                commands: commands_sender,
                snapshot: receiver,
            },
        )
    }

    /// Takes over the workers that earlier orchestrators started, and what they were asked for.
    pub(crate) fn adopt(&mut self, streams: Vec<String>) {
        self.take_over_drain();
        for id in streams {
            tracing::info!(stream = id, "a worker's socket was found");
            let link = Link::open(&id, &self.config.run_dir, Launch::Adopt, self.reporter.clone());
            let machine = Machine::adopting(&id, self.policy.clone());
            self.streams.insert(
                id,
                Stream {
                    machine,
                    link: Some(link),
                    process: None,
                },
            );
        }
        self.publish(None);
    }

    /// Runs until `stop`, then until the workers are drained; or until nothing is on air and nothing will be. Gives
    /// whether that was why.
    pub(crate) async fn run(mut self, mut truths: mpsc::Receiver<Truth>, stop: CancellationToken) -> bool {
        let mut stopping = false;
        let mut measure_at = Instant::now();
        while !(self.is_drained() || stopping && self.streams.values().all(|stream| !stream.machine.has_worker())) {
            let tick_at = self.streams.values().filter_map(|s| s.machine.next_tick()).min();
            let tick_at = tick_at.map_or_else(|| measure_at + MEASURE_EVERY, |at| self.epoch + at);
            let wake = tokio::select! {
                biased;
                () = stop.cancelled(), if !stopping => Wake::Stop,
                Some((id, report)) = self.reports.recv() => Wake::Report(id, report),
                Some(command) = self.commands.recv() => Wake::Command(command),
                Some(truth) = truths.recv(), if !stopping => Wake::Truth(truth),
                () = sleep_until(tick_at) => Wake::Tick,
                () = sleep_until(measure_at) => Wake::Measure,
            };
            let changed = match &wake {
                Wake::Report(id, _) => Some(id.clone()),
                _ => None,
            };
            match wake {
                Wake::Stop => {
                    stopping = true;
                    self.all(&Event::Stop { drain: DRAIN });
                }
                Wake::Report(id, report) => self.reported(&id, report),
                Wake::Command(command) => self.command(command),
                Wake::Truth(truth) => self.learned(truth),
                Wake::Tick => self.all(&Event::Tick),
                Wake::Measure => {
                    measure_at = Instant::now() + MEASURE_EVERY;
                    self.measure();
                    self.forget();
                }
            }
            self.publish(changed.as_deref());
        }
        self.forget_drain();
        !stopping
    }

    fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    fn all(&mut self, event: &Event) {
        let ids: Vec<String> = self.streams.keys().cloned().collect();
        for id in ids {
            self.feed(&id, event.clone());
        }
    }

    /// Tells a stream's machine of an event and does what it wants.
    fn feed(&mut self, id: &str, event: Event) {
        let now = self.now();
        let Some(stream) = self.streams.get_mut(id) else { return };
        let before = Kind::of(stream.machine.state());
        let effects = stream.machine.on(event, now);
        let after = Kind::of(stream.machine.state());
        if before != after {
            self.changed(id, after);
        }
        for effect in effects {
            self.perform(id, effect);
        }
    }

    fn perform(&mut self, id: &str, effect: Effect) {
        let Some(stream) = self.streams.get_mut(id) else { return };
        match effect {
            Effect::Start(plan) => {
                let resumed = plan.resume.is_some();
                tracing::info!(stream = id, session = plan.session, resumed, "starting a worker");
                self.counters.worker_starts.inc();
                let forwards = self.forwards.of(id).cloned().unwrap_or_default();
                let spec = Box::new(plan::spec(&self.config, id, plan, forwards));
                let launch = Launch::Start {
                    program: self.program.clone(),
                    spec,
                };
                stream.link = Some(Link::open(id, &self.config.run_dir, launch, self.reporter.clone()));
                stream.process = None;
            }
            Effect::Tell(order) => self.tell(id, order),
            Effect::Kill => {
                tracing::warn!(stream = id, "killing a worker that did not end in time");
                if let Some(link) = &stream.link {
                    link.kill();
                }
            }
            Effect::Poll => self.poke.notify_one(),
        }
    }

    fn tell(&self, id: &str, order: ToWorker) {
        let Some(link) = self.streams.get(id).and_then(|stream| stream.link.as_ref()) else {
            return;
        };
        if !link.tell(order) {
            tracing::warn!(stream = id, "an order to a worker was dropped");
            self.counters.orders_dropped.inc();
        }
    }

    fn reported(&mut self, id: &str, report: Report) {
        match report {
            Report::Hello(hello, pid) => {
                tracing::info!(stream = id, session = hello.session, pid, "worker is there");
                if let Some(stream) = self.streams.get_mut(id) {
                    let facts = ProcessFacts {
                        pid,
                        ..ProcessFacts::default()
                    };
                    stream.process = Some((facts, process::usage(pid, false).unwrap_or_default()));
                }
                self.take_over_forwards(id, &hello);
                self.feed(id, Event::Hello(*hello));
            }
            Report::Status(status) => {
                self.compare_forwards(id, &status);
                self.feed(id, Event::Status(status));
            }
            Report::Gone(gone) => {
                if let Gone::Crash(why) = &gone {
                    tracing::error!(stream = id, why, "worker lost");
                    self.counters.worker_crashes.inc();
                }
                if let Some(stream) = self.streams.get_mut(id) {
                    (stream.link, stream.process) = (None, None);
                }
                self.feed(id, Event::Gone(gone));
            }
        }
    }

    fn learned(&mut self, truth: Truth) {
        match truth {
            Truth::Listed(listed) => {
                if !self.router.reachable {
                    tracing::info!("the router answers");
                }
                self.router = RouterView {
                    reachable: true,
                    reason: None,
                };
                let there: HashSet<&str> = listed.iter().map(|(id, _)| id.as_str()).collect();
                let absent: Vec<String> = self
                    .streams
                    .keys()
                    .filter(|id| !there.contains(id.as_str()))
                    .cloned()
                    .collect();
                for id in absent {
                    self.feed(&id, Event::Absent);
                }
                for (id, source) in listed {
                    self.present(&id, source);
                }
            }
            Truth::Away { reason, hints } => {
                if self.router.reachable {
                    tracing::error!(reason, "the router does not answer");
                }
                self.router = RouterView {
                    reachable: false,
                    reason: Some(reason),
                };
                for Hint {
                    stream,
                    query,
                    source_id,
                } in hints
                {
                    match query {
                        Some(query) => self.present(
                            &stream,
                            Source {
                                id: source_id,
                                query,
                                tracks: None,
                            },
                        ),
                        None => self.feed(&stream, Event::Left(source_id)),
                    }
                }
            }
        }
    }

    fn present(&mut self, id: &str, source: Source) {
        if self.streams.len() >= MAX_KNOWN && !self.streams.contains_key(id) {
            tracing::warn!(stream = id, "too many streams are known, this one is left out");
            return;
        }
        let offer = self.capacity().offer();
        let policy = &self.policy;
        self.streams.entry(id.to_owned()).or_insert_with(|| Stream {
            machine: Machine::new(id, policy.clone()),
            link: None,
            process: None,
        });
        self.feed(id, Event::Present { source, offer });
    }
}
