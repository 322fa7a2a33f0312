//! A worker without media, for the orchestrator's tests: it holds the lock, serves the control socket, and does as the
//! stream's name says (`crash` ends at once; `refuse` says that the media is not for us).
//!
//! What it is told goes to `$RUN_DIR/<stream>.told`, one JSON line each: first the spec, then the orders.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use dragoman_media::control::{
    DubStatus, EgressState, ForwardStatus, FromWorker, Hello, IngestStatus, Percentiles, ProgrammeStatus, SpeechState,
    SpeechStatus, Status, ToWorker, WorkerState, exit,
};
use dragoman_media::forward::{Forward, Forwards};
use dragoman_media::spec::Spec;
use rustix::fs::{FlockOperation, flock};

/// More often than a real one, so that tests are quick.
const STATUS_EVERY: Duration = Duration::from_millis(100);

struct Worker {
    spec: Spec,
    source_id: String,
    out_ns: i64,
    muted: Vec<bool>,
    forwards: Forwards,
}

fn main() -> ExitCode {
    match serve() {
        Ok(code) => ExitCode::from(code as u8),
        Err(error) => {
            eprintln!("stub worker: {error}");
            ExitCode::from(exit::INTERNAL as u8)
        }
    }
}

fn serve() -> std::io::Result<i32> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    let spec: Spec = serde_json::from_str(&line)?;
    if spec.stream == "crash" {
        return Ok(exit::INTERNAL);
    }
    let file = |end: &str| spec.run_dir.join(format!("{}.{end}", spec.stream));
    let lock = File::create(file("lock"))?;
    if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
        return Ok(exit::LOCK_HELD);
    }
    let told = file("told");
    note(&told, line.trim())?;
    let socket = file("sock");
    std::fs::remove_file(&socket).ok();
    let listener = UnixListener::bind(&socket)?;
    let muted = spec.programmes.iter().map(|p| p.muted).collect();
    let out_ns = spec.resume.map_or(1, |resume| resume.out_ns);
    let worker = Arc::new(Mutex::new(Worker {
        source_id: spec.source_id.clone(),
        out_ns,
        muted,
        forwards: spec.forwards.clone(),
        spec,
    }));
    for stream in listener.incoming() {
        let (worker, told, socket, stream) = (Arc::clone(&worker), told.clone(), socket.clone(), stream?);
        thread::spawn(move || {
            // A connection that breaks off is the orchestrator's end, and no concern of the worker's.
            talk(&worker, &told, &socket, stream).ok();
        });
    }
    Ok(exit::ENDED)
}

fn talk(worker: &Arc<Mutex<Worker>>, told: &Path, socket: &PathBuf, stream: UnixStream) -> std::io::Result<()> {
    let mut out = stream.try_clone()?;
    let shift_ns = 1000;
    let hello = {
        let worker = lock(worker);
        Hello {
            forwards: worker.forwards.clone(),
            ..Hello::of(&worker.spec, &worker.source_id, shift_ns)
        }
    };
    say(&mut out, &FromWorker::Hello(Box::new(hello)))?;
    if lock(worker).spec.stream == "refuse" {
        std::fs::remove_file(socket).ok();
        let reason = "no keyframe in 10 s".to_owned();
        say(
            &mut out,
            &FromWorker::Bye {
                code: exit::MEDIA_REFUSED,
                reason,
            },
        )?;
        std::process::exit(exit::MEDIA_REFUSED);
    }
    let (reporter, mut reports) = (Arc::clone(worker), stream.try_clone()?);
    thread::spawn(move || {
        while say(
            &mut reports,
            &FromWorker::Status(Box::new(status(&mut lock(&reporter)))),
        )
        .is_ok()
        {
            thread::sleep(STATUS_EVERY);
        }
    });
    for line in BufReader::new(stream).lines() {
        let line = line?;
        note(told, &line)?;
        match serde_json::from_str(&line)? {
            ToWorker::Drain { .. } => {
                std::fs::remove_file(socket).ok();
                say(
                    &mut out,
                    &FromWorker::Bye {
                        code: exit::ENDED,
                        reason: "drained".to_owned(),
                    },
                )?;
                std::process::exit(exit::ENDED);
            }
            ToWorker::Source { id } => lock(worker).source_id = id,
            ToWorker::Mute { target, on } => {
                let mut worker = lock(worker);
                if let Some(index) = worker.spec.programmes.iter().position(|p| p.target == target) {
                    worker.muted[index] = on;
                }
            }
            ToWorker::Forwards { forwards } => lock(worker).forwards = forwards,
            ToWorker::Speech { .. } => {}
        }
    }
    Ok(())
}

fn status(worker: &mut Worker) -> Status {
    worker.out_ns += 100_000_000;
    let count = worker.out_ns as u64 / 100_000_000;
    let programme = |(index, p): (usize, &dragoman_media::spec::Programme)| ProgrammeStatus {
        target: p.target.clone(),
        path: p.path.clone(),
        state: EgressState::Live,
        muted: worker.muted[index],
        video_units: count * 3,
        audio_frames: count * 4,
        connects: 1,
        dub: DubStatus {
            utterances: count / 15,
            outcomes: [("on_time".to_owned(), count / 15)].into(),
            lag_ms: Percentiles {
                p50: 0.0,
                p95: 120.0,
                p99: 180.0,
            },
            rate: 1.0,
            last_text: Some("The wind is <b>rising</b> in the north.".to_owned()),
            last_dub: Some(format!("[{}] The wind is rising in the north.", p.target)),
            ..DubStatus::default()
        },
        ..ProgrammeStatus::default()
    };
    let forward = |f: &Forward| ForwardStatus {
        name: f.name.clone(),
        target: Some("es".to_owned()),
        state: EgressState::Live,
        video_units: count * 3,
        audio_frames: count * 4,
        connects: 1,
        ..ForwardStatus::default()
    };
    Status {
        state: WorkerState::Live,
        shift_ns: 1000,
        out_ns: worker.out_ns,
        ingest: IngestStatus {
            transport: "rtmp".to_owned(),
            video: Some("H264 1280x720".to_owned()),
            audio: Some("AAC 48000 Hz 2 ch".to_owned()),
            video_units: count * 3,
            audio_samples: count * 4800,
            connects: 1,
            ..IngestStatus::default()
        },
        speech: SpeechStatus {
            state: SpeechState::Ready,
            host: Some("ws://127.0.0.1:8090".to_owned()),
            engine: Some("mock".to_owned()),
            connects: 1,
            ..SpeechStatus::default()
        },
        programmes: worker.spec.programmes.iter().enumerate().map(programme).collect(),
        forwards: worker.forwards.list.iter().map(forward).collect(),
        forwards_hash: worker.forwards.hash(),
        added_latency_ms: Percentiles {
            p50: 2504.0,
            p95: 2531.0,
            p99: 2560.0,
        },
        ..Status::default()
    }
}

fn lock(worker: &Mutex<Worker>) -> MutexGuard<'_, Worker> {
    worker.lock().unwrap_or_else(PoisonError::into_inner)
}

fn say(out: &mut UnixStream, message: &FromWorker) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    out.write_all(&line)
}

fn note(told: &Path, line: &str) -> std::io::Result<()> {
    writeln!(OpenOptions::new().create(true).append(true).open(told)?, "{line}")
}
