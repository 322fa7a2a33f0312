//! One worker process, from its start or its discovery to its end.
//!
//! The task of a [`Link`] starts the process (or finds one that an earlier orchestrator started), speaks JSON lines
//! with it, notices when it crashes or freezes, and reports. Its last report is always [`Report::Gone`], and comes
//! only when the process is gone, so that a replacement never meets a held lock.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::codec::{Framed, LinesCodec};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::process::Process;
use super::session::Gone;
use crate::control::{CONTROL_VERSION, FROZEN_AFTER, FromWorker, Hello, Status, ToWorker, exit};
use crate::spec::Spec;

/// A worker that has no socket by then never will: it loads its libraries in well under a second.
const STARTUP: Duration = Duration::from_secs(10);
/// How often a starting worker's socket is tried.
const CONNECT_EVERY: Duration = Duration::from_millis(20);
/// How long a process may take to end after its last line.
const EXIT: Duration = Duration::from_secs(2);
/// A status of four targets has about 4 kB.
const MAX_LINE: usize = 256 * 1024;
/// Orders wait here for the socket. They are few and small; when this is full the worker is about to count as frozen,
/// and what is dropped is sent again after its next status.
const ORDERS: usize = 32;

/// What a link reports.
#[derive(Debug)]
pub(crate) enum Report {
    /// The worker introduced itself; its process has this number.
    Hello(Box<Hello>, i32),
    /// The worker's own report.
    Status(Box<Status>),
    /// The process is gone.
    Gone(Gone),
}

/// How a worker comes to be.
pub(crate) enum Launch {
    /// Started with this spec, unless one serves the stream already.
    Start { program: Vec<PathBuf>, spec: Box<Spec> },
    /// It is there.
    Adopt,
}

/// One worker, as the supervisor holds it.
#[derive(Debug)]
pub(crate) struct Link {
    orders: mpsc::Sender<ToWorker>,
    kill: CancellationToken,
}

impl Link {
    /// Starts or adopts the worker of `stream`; reports go to `reports`.
    pub(crate) fn open(stream: &str, run_dir: &Path, launch: Launch, reports: mpsc::Sender<(String, Report)>) -> Link {
        let (orders, receiver) = mpsc::channel(ORDERS);
        let kill = CancellationToken::new();
        let task = Task {
            socket: socket(run_dir, stream),
            lock: run_dir.join(format!("{stream}.lock")),
            stream: stream.to_owned(),
            reports,
            orders: receiver,
            kill: kill.clone(),
        };
        tokio::spawn(task.run(launch).instrument(tracing::info_span!("worker", stream)));
        Link { orders, kill }
    }

    /// Tells the worker; false when the order was dropped.
    pub(crate) fn tell(&self, order: ToWorker) -> bool {
        self.orders.try_send(order).is_ok()
    }

    /// Kills the worker.
    pub(crate) fn kill(&self) {
        self.kill.cancel();
    }
}

/// Where the worker of `stream` is spoken to.
fn socket(run_dir: &Path, stream: &str) -> PathBuf {
    run_dir.join(format!("{stream}.sock"))
}

/// The streams that have a socket in `run_dir`.
pub(crate) fn found(run_dir: &Path) -> io::Result<Vec<String>> {
    let mut streams = Vec::new();
    for entry in std::fs::read_dir(run_dir)? {
        let name = entry?.file_name();
        if let Some(stream) = name.to_str().and_then(|name| name.strip_suffix(".sock")) {
            streams.push(stream.to_owned());
        }
    }
    Ok(streams)
}

struct Task {
    stream: String,
    socket: PathBuf,
    lock: PathBuf,
    reports: mpsc::Sender<(String, Report)>,
    orders: mpsc::Receiver<ToWorker>,
    kill: CancellationToken,
}

/// The process behind a connection: ours to wait for, or found.
struct Worker {
    child: Option<Child>,
    process: Option<Process>,
}

impl Task {
    async fn run(mut self, launch: Launch) {
        let gone = match self.attach(launch).await {
            Ok((worker, stream)) => self.talk(worker, stream).await,
            Err(gone) => gone,
        };
        tracing::info!(?gone, "worker gone");
        self.report(Report::Gone(gone)).await;
    }

    /// Nobody listens only when the orchestrator ends; the worker then goes on without it.
    async fn report(&self, report: Report) {
        self.reports.send((self.stream.clone(), report)).await.ok();
    }

    async fn attach(&mut self, launch: Launch) -> Result<(Worker, UnixStream), Gone> {
        match UnixStream::connect(&self.socket).await {
            Ok(stream) => {
                tracing::info!("adopting a running worker");
                return Ok((
                    Worker {
                        child: None,
                        process: None,
                    },
                    stream,
                ));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(_) => remove_stale(&self.socket, &self.lock),
        }
        match launch {
            Launch::Adopt => Err(Gone::Crash("no worker behind its socket".to_owned())),
            Launch::Start { program, spec } => {
                make_lock(&self.lock)
                    .map_err(|e| Gone::Crash(format!("cannot start a worker: {}: {e}", self.lock.display())))?;
                let child = start(&program, &spec)
                    .await
                    .map_err(|e| Gone::Crash(format!("cannot start a worker: {e}")))?;
                self.connect(child).await
            }
        }
    }

    /// Waits for a starting worker's socket.
    async fn connect(&mut self, mut child: Child) -> Result<(Worker, UnixStream), Gone> {
        let deadline = Instant::now() + STARTUP;
        loop {
            if let Ok(stream) = UnixStream::connect(&self.socket).await {
                return Ok((
                    Worker {
                        child: Some(child),
                        process: None,
                    },
                    stream,
                ));
            }
            tokio::select! {
                status = child.wait() => return Err(ended(None, status.ok())),
                () = self.kill.cancelled() => return Err(kill_child(child, "killed before it was ready").await),
                () = sleep(CONNECT_EVERY) => {}
            }
            if Instant::now() >= deadline {
                return Err(kill_child(child, "not ready in time, killed").await);
            }
        }
    }

    async fn talk(&mut self, mut worker: Worker, stream: UnixStream) -> Gone {
        // Known before the worker has said anything: a frozen one says nothing.
        let pid = stream.peer_cred().ok().and_then(|peer| peer.pid());
        worker.process = pid.and_then(|pid| Process::open(pid).ok());
        let mut lines = Framed::new(stream, LinesCodec::new_with_max_length(MAX_LINE));
        let mut bye = None;
        let mut frozen_at = Instant::now() + FROZEN_AFTER;
        let why = loop {
            tokio::select! {
                // Lines first: after a pause of our own they prove that the worker was not frozen.
                biased;
                line = lines.next() => match line {
                    Some(Ok(line)) => match self.heard(&line, &worker).await {
                        Heard::Status => frozen_at = Instant::now() + FROZEN_AFTER,
                        Heard::Other => {}
                        Heard::Bye(code, reason) => bye = Some((code, reason)),
                        Heard::Stranger(why) => break why,
                    },
                    Some(Err(error)) => break format!("control socket: {error}, killed"),
                    None => return worker.end(bye).await,
                },
                () = self.kill.cancelled() => break "killed".to_owned(),
                Some(order) = self.orders.recv() => {
                    let line = serde_json::to_string(&order).unwrap_or_default();
                    if !matches!(timeout(FROZEN_AFTER, lines.send(line)).await, Ok(Ok(()))) {
                        tracing::debug!("an order did not reach the worker");
                    }
                }
                () = sleep_until(frozen_at) => break format!("no status for {} s, killed", FROZEN_AFTER.as_secs()),
            }
        };
        worker.kill().await;
        Gone::Crash(why)
    }

    async fn heard(&self, line: &str, worker: &Worker) -> Heard {
        match serde_json::from_str(line) {
            Ok(FromWorker::Hello(hello)) if hello.control != CONTROL_VERSION || hello.stream != self.stream => {
                Heard::Stranger(format!(
                    "control version {} for stream {:?}, killed",
                    hello.control, hello.stream
                ))
            }
            Ok(FromWorker::Hello(hello)) => {
                let pid = worker.process.as_ref().map_or(0, Process::pid);
                self.report(Report::Hello(hello, pid)).await;
                Heard::Status
            }
            Ok(FromWorker::Status(status)) => {
                self.report(Report::Status(status)).await;
                Heard::Status
            }
            Ok(FromWorker::Event { message }) => {
                tracing::info!(message, "worker event");
                Heard::Other
            }
            Ok(FromWorker::Bye { code, reason }) => Heard::Bye(code, reason),
            // Another build may say more than we know.
            Err(error) => {
                tracing::debug!(%error, "a line was ignored");
                Heard::Other
            }
        }
    }
}

enum Heard {
    Status,
    Other,
    Bye(i32, String),
    Stranger(String),
}

impl Worker {
    /// The socket is closed: the process ends by itself, or is made to.
    async fn end(mut self, bye: Option<(i32, String)>) -> Gone {
        let status = match timeout(EXIT, self.gone()).await {
            Ok(status) => status,
            Err(_) => {
                self.kill().await;
                None
            }
        };
        ended(bye, status)
    }

    /// Waits for the end; the status is known of a child only.
    async fn gone(&mut self) -> Option<ExitStatus> {
        if let Some(child) = &mut self.child {
            return child.wait().await.ok();
        }
        if let Some(process) = &self.process {
            process.gone().await;
        }
        None
    }

    async fn kill(&mut self) {
        if let Some(process) = &self.process {
            process.kill();
        }
        if let Some(child) = &mut self.child {
            child.start_kill().ok();
        }
        self.gone().await;
    }
}

async fn kill_child(mut child: Child, why: &str) -> Gone {
    child.kill().await.ok();
    Gone::Crash(why.to_owned())
}

/// What the end of a process means.
fn ended(bye: Option<(i32, String)>, status: Option<ExitStatus>) -> Gone {
    use std::os::unix::process::ExitStatusExt;
    match (bye, status.and_then(|s| s.code()), status.and_then(|s| s.signal())) {
        (Some((code, reason)), ..) => Gone::Bye(code, reason),
        (None, Some(code @ (exit::SPEC..=exit::OUT_TAKEN)), _) => {
            Gone::Bye(code, format!("worker exited with code {code}"))
        }
        (None, Some(code), _) => Gone::Crash(format!("worker exited with code {code}")),
        (None, None, Some(signal)) => Gone::Crash(format!("worker was killed by signal {signal}")),
        (None, None, None) => Gone::Crash("worker is gone".to_owned()),
    }
}

/// Makes the file that the worker locks: of a full or read-only disk a worker could only say that it failed.
fn make_lock(lock: &Path) -> io::Result<()> {
    let mut options = std::fs::File::options();
    options.create(true).truncate(false).write(true).open(lock).map(drop)
}

/// Starts `program` in a process group of its own, so that a terminal's Ctrl-C does not end it before it is drained.
async fn start(program: &[PathBuf], spec: &Spec) -> io::Result<Child> {
    let (program, args) = program.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut command = Command::new(program);
    let mut child = command
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        // The desktop's proxy and settings services: GIO would load them into each worker, with a thread for each.
        .env("GIO_USE_PROXY_RESOLVER", "dummy")
        .env("GSETTINGS_BACKEND", "memory")
        .env("GIO_USE_VFS", "local")
        .process_group(0)
        .spawn()?;
    let mut line = serde_json::to_vec(spec)?;
    line.push(b'\n');
    if let Some(mut stdin) = child.stdin.take() {
        // A worker that dies before it has read is seen by its exit.
        stdin.write_all(&line).await.ok();
    }
    Ok(child)
}

/// Removes a socket that nobody serves: its worker was killed. Its lock says whether that is so.
fn remove_stale(socket: &Path, lock: &Path) {
    use rustix::fs::{FlockOperation, flock};
    let held =
        std::fs::File::open(lock).is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockExclusive).is_err());
    if !held {
        tracing::info!("removing the socket of a worker that is gone");
        std::fs::remove_file(socket).ok();
    }
}
