//! Every target for some seconds on the stable toolchain: `HOSTILE_SECONDS` for each (2), `HOSTILE_SEED` (the clock).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime};

use dragoman_hostile::mutate::Mutator;
use dragoman_hostile::{TARGETS, Target};
use rustix::time::{ClockId, clock_gettime};

/// Of the thread's own time: what the machine does besides does not count.
const LONGEST: Duration = Duration::from_secs(1);
/// What a target may hold at once, however small its input is.
const MEMORY: usize = 1 << 20;
/// And for each byte of it.
const MEMORY_A_BYTE: usize = 256;

/// After so long a target does not return at all.
const HANGS: Duration = Duration::from_secs(60);

static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

static RUNNING: Mutex<Option<(Instant, &Target, Vec<u8>)>> = Mutex::new(None);

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[expect(
    unsafe_code,
    reason = "an allocator is unsafe by its contract; this one counts and hands on"
)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Relaxed) + layout.size();
        MOST.fetch_max(held, Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(at, layout) }
    }
}

#[test]
fn whatever_comes_in_is_judged_within_its_time_and_memory() {
    let seconds = variable("HOSTILE_SECONDS").map_or(2.0, |text| text.parse().expect("seconds"));
    let clock = || SystemTime::UNIX_EPOCH.elapsed().map_or(1, |now| now.as_nanos() as u64);
    let seed = variable("HOSTILE_SEED").map_or_else(clock, |text| text.parse().expect("a number"));
    // What is printed comes before anything that is caught: the test fails by its findings.
    std::thread::spawn(end_what_hangs);
    println!("seed {seed}");
    println!("target               executions    longest  most memory");
    let findings: Vec<String> = TARGETS
        .iter()
        .filter_map(|target| hammer(target, seed, Duration::from_secs_f64(seconds)).err())
        .collect();
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

#[test]
fn each_target_has_a_corpus_and_a_fuzz_program_and_there_are_no_others() {
    let names: BTreeSet<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    assert_eq!(names, listed(&fuzz().join("corpus")));
    assert_eq!(names, listed(&fuzz().join("fuzz_targets")));
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for target in TARGETS {
        assert!(
            manifest.contains(&format!("name = \"{}\"", target.name)),
            "{}",
            target.name
        );
        assert!(!corpus(target).is_empty(), "{}", target.name);
    }
}

/// Runs one target; the error is its first finding, whose input is kept.
fn hammer(target: &'static Target, seed: u64, duration: Duration) -> Result<(), String> {
    let corpus = corpus(target);
    let mut mutator = Mutator::new(seed);
    let (mut executions, mut longest, mut most) = (0_u64, Duration::ZERO, 0);
    let deadline = Instant::now() + duration;
    let mut inputs = corpus.iter().cloned();
    while executions < corpus.len() as u64 || Instant::now() < deadline {
        let input = inputs.next().unwrap_or_else(|| mutator.next(&corpus));
        *RUNNING.lock().unwrap() = Some((Instant::now(), target, input.clone()));
        let held = HELD.load(Relaxed);
        MOST.store(held, Relaxed);
        let began = thread_time();
        let outcome = catch_unwind(|| (target.run)(&input));
        let took = thread_time().saturating_sub(began);
        let memory = MOST.load(Relaxed).saturating_sub(held);
        drop(RUNNING.lock().unwrap().take());
        executions += 1;
        (longest, most) = (longest.max(took), most.max(memory));
        let found = match outcome {
            Err(_) => Some("panics".to_owned()),
            Ok(()) if took > LONGEST => Some(format!("takes {took:?}")),
            Ok(()) if memory > MEMORY + MEMORY_A_BYTE * input.len() => Some(format!("holds {memory} bytes")),
            Ok(()) => None,
        };
        if let Some(found) = found {
            let file = keep(target, &input);
            return Err(format!("{} {found} (seed {seed}): {}", target.name, file.display()));
        }
    }
    println!(
        "{:20} {executions:>10} {:>8.1} ms {:>8} kB",
        target.name,
        longest.as_secs_f64() * 1e3,
        most / 1000
    );
    Ok(())
}

/// Keeps the input of an execution that does not end, and ends the whole test, since nothing else can end it.
fn end_what_hangs() {
    loop {
        std::thread::sleep(Duration::from_secs(1));
        if let Some((began, target, input)) = RUNNING.lock().unwrap().as_ref()
            && began.elapsed() > HANGS
        {
            println!("{} hangs: {}", target.name, keep(target, input).display());
            std::process::exit(101);
        }
    }
}

fn thread_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// Where cargo-fuzz keeps such inputs: it belongs into the corpus once it is mended.
fn keep(target: &Target, input: &[u8]) -> PathBuf {
    let dir = fuzz().join("artifacts").join(target.name);
    fs::create_dir_all(&dir).unwrap();
    let file = dir.join(format!("found-{}", input.len()));
    fs::write(&file, input).unwrap();
    file
}

fn corpus(target: &Target) -> Vec<Vec<u8>> {
    let dir = fuzz().join("corpus").join(target.name);
    let mut files: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

fn listed(dir: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect()
}

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
