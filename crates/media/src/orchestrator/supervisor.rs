//! The actor that owns all streams: feeds their machines, performs the effects, publishes the snapshot.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::link::{Launch, Link, Report};
use super::metrics::{Counters, RefusedLabels};
use super::plan;
use super::poller::{Hint, Truth};
use super::process;
use super::session::{Effect, Event, Gone, Machine, Policy, Slot, Source, State};
use super::view::{ProcessFacts, RouterView, Snapshot, StreamView};
use crate::config::Config;

/// How long workers may play out when the service stops: below the 10 s after which containers are killed.
pub(crate) const DRAIN: Duration = Duration::from_secs(7);
/// How often the workers' processes are looked at; every fifth time at all of their mappings.
const MEASURE_EVERY: Duration = Duration::from_secs(2);
const PSS_EVERY: u64 = 5;
/// How many streams are remembered that are over or refused, and for how long.
const REMEMBERED: usize = 64;
const REMEMBERED_FOR: Duration = Duration::from_secs(600);
/// Requests wait here; when full the API answers 503.
const COMMANDS: usize = 32;
/// Reports wait here; when full the links stop reading, and the workers' own queues fill.
const REPORTS: usize = 256;

/// What the API asks for.
#[derive(Debug)]
pub(crate) enum Command {
    /// Replace the worker.
    Restart { id: String, reply: oneshot::Sender<Answer> },
    /// Switch the dub of one target, or of all.
    Dub { id: String, target: Option<String>, enabled: bool, reply: oneshot::Sender<Answer> },
}

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Done,
    NoSuchStream,
    NoSuchTarget,
    /// It is not being served.
    NotServed,
}

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
    reports: (mpsc::Sender<(String, Report)>, mpsc::Receiver<(String, Report)>),
    measured: u64,
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
    ) -> (Supervisor, Handle) {
        let (commands_sender, commands) = mpsc::channel(COMMANDS);
        let (snapshot, receiver) = watch::channel(Arc::default());
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
            router: RouterView { reachable: false, reason: Some("not asked yet".to_owned()) },
            snapshot,
            commands,
            reports: mpsc::channel(REPORTS),
            measured: 0,
        };
        (supervisor, Handle { commands: commands_sender, snapshot: receiver })
    }

    /// Takes over the workers that earlier orchestrators started.
    pub(crate) fn adopt(&mut self, streams: Vec<String>) {
        for id in streams {
            tracing::info!(stream = id, "a worker's socket was found");
            let link = Link::open(&id, &self.config.run_dir, Launch::Adopt, self.reports.0.clone());
            let machine = Machine::adopting(&id, self.policy.clone());
            self.streams.insert(id, Stream { machine, link: Some(link), process: None });
        }
        self.publish();
    }

    /// Runs until `stop`, then until the workers are drained.
    pub(crate) async fn run(mut self, mut truths: mpsc::Receiver<Truth>, stop: CancellationToken) {
        let mut stopping = false;
        let mut measure_at = Instant::now();
        while !(stopping && self.streams.values().all(|stream| !stream.machine.has_worker())) {
            let tick_at = self.streams.values().filter_map(|s| s.machine.next_tick()).min();
            let tick_at = tick_at.map_or_else(|| measure_at + MEASURE_EVERY, |at| self.epoch + at);
            let wake = tokio::select! {
                biased;
                () = stop.cancelled(), if !stopping => Wake::Stop,
                Some((id, report)) = self.reports.1.recv() => Wake::Report(id, report),
                Some(command) = self.commands.recv() => Wake::Command(command),
                Some(truth) = truths.recv(), if !stopping => Wake::Truth(truth),
                () = sleep_until(tick_at) => Wake::Tick,
                () = sleep_until(measure_at) => Wake::Measure,
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
            self.publish();
        }
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
                let spec = Box::new(plan::spec(&self.config, id, plan));
                let launch = Launch::Start { program: self.program.clone(), spec };
                stream.link = Some(Link::open(id, &self.config.run_dir, launch, self.reports.0.clone()));
                stream.process = None;
            }
            Effect::Tell(order) => {
                let Some(link) = &stream.link else { return };
                if !link.tell(order) {
                    tracing::warn!(stream = id, "an order to a worker was dropped");
                    self.counters.orders_dropped.inc();
                }
            }
            Effect::Kill => {
                tracing::warn!(stream = id, "killing a worker that did not end in time");
                if let Some(link) = &stream.link {
                    link.kill();
                }
            }
            Effect::Poll => self.poke.notify_one(),
        }
    }

    /// Logs and counts what a stream has come to.
    fn changed(&self, id: &str, kind: Kind) {
        let Some(stream) = self.streams.get(id) else { return };
        match (kind, stream.machine.state()) {
            (_, State::Refused { refusal, .. }) => {
                tracing::warn!(stream = id, reason = refusal.reason, "stream refused");
                self.counters.refused.get_or_create(&RefusedLabels { reason: refusal.kind }).inc();
            }
            (Kind::Ended, State::Ended { reason, last, .. }) => {
                tracing::info!(stream = id, reason, "stream ended");
                if last.is_some() {
                    self.counters.sessions_ended.inc();
                }
            }
            (Kind::Degraded, State::On(life)) => {
                if let Slot::Empty { why, .. } = &life.slot {
                    tracing::error!(stream = id, reason = why, "stream degraded");
                }
            }
            _ => {}
        }
    }

    fn reported(&mut self, id: &str, report: Report) {
        match report {
            Report::Hello(hello, pid) => {
                tracing::info!(stream = id, session = hello.session, pid, "worker is there");
                if let Some(stream) = self.streams.get_mut(id) {
                    let facts = ProcessFacts { pid, ..ProcessFacts::default() };
                    stream.process = Some((facts, process::usage(pid, false).unwrap_or_default()));
                }
                self.feed(id, Event::Hello(hello));
            }
            Report::Status(status) => self.feed(id, Event::Status(status)),
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
                self.router = RouterView { reachable: true, reason: None };
                let there: HashSet<&str> = listed.iter().map(|(id, _)| id.as_str()).collect();
                let absent: Vec<String> = self.streams.keys().filter(|id| !there.contains(id.as_str())).cloned().collect();
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
                self.router = RouterView { reachable: false, reason: Some(reason) };
                for Hint { stream, query, source_id } in hints {
                    match query {
                        Some(query) => self.present(&stream, Source { id: source_id, query, tracks: None }),
                        None => self.feed(&stream, Event::Left(source_id)),
                    }
                }
            }
        }
    }

    fn present(&mut self, id: &str, source: Source) {
        let room = self.room() > 0;
        let policy = &self.policy;
        self.streams.entry(id.to_owned()).or_insert_with(|| Stream {
            machine: Machine::new(id, policy.clone()),
            link: None,
            process: None,
        });
        self.feed(id, Event::Present { source, room });
    }

    fn room(&self) -> usize {
        let taken = self.streams.values().filter(|stream| stream.machine.takes_room()).count();
        self.config.max_streams.saturating_sub(taken)
    }

    fn command(&mut self, command: Command) {
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
            Command::Dub { id, target, enabled, reply } => {
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
        }
    }

    fn measure(&mut self) {
        self.measured += 1;
        let with_pss = self.measured % PSS_EVERY == 1;
        for stream in self.streams.values_mut() {
            let Some((facts, before)) = &mut stream.process else { continue };
            let Some(usage) = process::usage(facts.pid, with_pss) else { continue };
            let wall = usage.age.saturating_sub(before.age).as_secs_f64();
            if wall >= 0.5 {
                let cpu = usage.cpu.saturating_sub(before.cpu).as_secs_f64();
                facts.cpu_percent = Some((cpu / wall * 1000.0).round() / 10.0);
                *before = usage;
            }
            facts.rss_kb = Some(usage.rss_kb);
            facts.pss_kb = usage.pss_kb.or(facts.pss_kb);
            facts.uptime_ms = u64::try_from(usage.age.as_millis()).ok();
        }
    }

    /// Drops what is over for long, and the oldest of what is over when there is too much of it.
    fn forget(&mut self) {
        let now = self.now();
        let over = |stream: &Stream| match stream.machine.state() {
            State::Idle => Some(Duration::ZERO),
            State::Ended { since, .. } => Some(*since),
            _ => None,
        };
        let mut ended: Vec<(Duration, String)> =
            self.streams.iter().filter_map(|(id, stream)| Some((over(stream)?, id.clone()))).collect();
        ended.sort();
        let surplus = ended.len().saturating_sub(REMEMBERED);
        for (index, (since, id)) in ended.into_iter().enumerate() {
            if index < surplus || since + REMEMBERED_FOR < now {
                self.streams.remove(&id);
            }
        }
    }

    fn publish(&self) {
        let watch = |path: &str| format!("{}/", plan::below(&self.config.watch_url, path));
        let view = |(id, stream): (&String, &Stream)| {
            let facts = stream.process.map(|(facts, _)| facts);
            Some((id.clone(), Arc::new(StreamView::of(id, &stream.machine, facts, watch)?)))
        };
        let streams = self.streams.iter().filter_map(view).collect();
        self.snapshot.send_replace(Arc::new(Snapshot { streams, router: self.router.clone(), room: self.room() }));
    }
}

/// A state without its content, to see it change.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Idle,
    Served,
    Degraded,
    Refused,
    Ended,
}

impl Kind {
    fn of(state: &State) -> Kind {
        match state {
            State::Idle => Kind::Idle,
            State::On(life) if matches!(life.slot, Slot::Empty { degraded: true, .. }) => Kind::Degraded,
            State::Adopting | State::On(_) => Kind::Served,
            State::Refused { .. } => Kind::Refused,
            State::Ended { .. } => Kind::Ended,
        }
    }
}
