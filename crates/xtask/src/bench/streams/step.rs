//! One number of streams on a stack of its own: started, settled, measured, judged.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::copies::Copier;
use super::cores::Apart;
use super::cost::{self, Cost, Window};
use super::source;
use crate::child::Child;
use crate::interrupt::Interrupt;
use crate::stack::{self, Options, PortChoice, Router, Service, Signal, Stack};
use crate::{http, process};

/// How much later than the hold 99 of 100 units may leave.
pub(super) const LATENCY_MARGIN_MS: f64 = 150.0;
/// From the first publisher to the last stream on air, on a machine that is near its limit.
const ON_AIR_WITHIN: Duration = Duration::from_secs(30);
/// What the probe needs beside the window: to connect, the hold, a keyframe.
const PROBE_SLACK: Duration = Duration::from_secs(15);
/// The length of a stretched dub in percent of its utterance: more than the programme takes without hurrying.
const STRETCHED: &str = "125";

/// What is tried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting<'a> {
    pub(super) file: &'a Path,
    pub(super) stretched: bool,
    /// The media service and its workers get one core, everything else the others.
    pub(super) one_core: bool,
    pub(super) settle: Duration,
    pub(super) measure: Duration,
}

/// What one number of streams gave.
#[derive(Clone, Debug, Default)]
pub(super) struct Step {
    pub(super) streams: usize,
    pub(super) hold_ms: f64,
    /// The worst stream's 99th percentile, as the media service says.
    pub(super) p99_ms: Option<f64>,
    /// The probed stream's.
    pub(super) probed_p99_ms: Option<f64>,
    pub(super) workers: Cost,
    pub(super) orchestrator: Cost,
    pub(super) router: Cost,
    pub(super) speech: Cost,
    /// How much of all cores was in use, by anything.
    pub(super) machine_percent: Option<f64>,
    /// Utterances that got an outcome while it was measured, and those that were dubbed in time.
    pub(super) dubs: u64,
    pub(super) dubs_on_time: u64,
    /// How fast the probed stream's dubs were played, on average.
    pub(super) dub_rate: Option<f64>,
    /// Why these were too many; empty when they were held.
    pub(super) broken: Vec<String>,
}

impl Step {
    pub(super) fn is_held(&self) -> bool {
        self.broken.is_empty()
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "streams": self.streams,
            "held": self.is_held(),
            "broken": self.broken,
            "hold_ms": self.hold_ms,
            "added_latency_p99_ms": self.p99_ms,
            "probed_added_latency_p99_ms": self.probed_p99_ms,
            "workers": self.workers.json(),
            "worker": self.workers.each(self.streams).json(),
            "orchestrator": self.orchestrator.json(),
            "router": self.router.json(),
            "speech": self.speech.json(),
            "machine_percent": self.machine_percent,
            "dubs": self.dubs,
            "dubs_on_time": self.dubs_on_time,
            "dub_rate": self.dub_rate.map(|rate| (rate * 100.0).round() / 100.0),
        })
    }
}

/// Publishes, waits and measures.
pub(super) fn run(setting: &Setting<'_>, streams: usize, interrupt: &Interrupt) -> Result<Step> {
    let apart = setting.one_core.then(Apart::begin).transpose()?;
    let mut stack = Stack::start(&options(setting.stretched))?;
    if let (Some(apart), Some(pid)) = (&apart, stack.pid(Service::Media)) {
        apart.give(pid)?;
    }
    let mut publishers = publish(&stack, setting.file, streams, true)?;
    let on_air = on_air(&mut stack, &mut publishers, streams, interrupt)?;
    let mut step = Step {
        streams,
        hold_ms: f64::NAN,
        ..Step::default()
    };
    if on_air < streams {
        step.broken
            .push(format!("{on_air} of {streams} on air within {ON_AIR_WITHIN:?}"));
        return Ok(step);
    }
    interrupt.wait_until(Instant::now() + setting.settle);
    measure(setting, &mut stack, &mut step, interrupt)?;
    for publisher in &mut publishers {
        if publisher.check().is_err() {
            step.broken.push(format!("{} ended", publisher.name()));
        }
    }
    stop(publishers);
    stack.stop();
    Ok(step)
}

fn measure(setting: &Setting<'_>, stack: &mut Stack, step: &mut Step, interrupt: &Interrupt) -> Result<()> {
    let before = looks(stack, step.streams);
    let workers: Vec<u64> = before
        .iter()
        .filter_map(|view| view["worker"]["pid"].as_u64())
        .collect();
    let of = |service| {
        stack
            .pid(service)
            .map_or_else(Vec::new, |pid| process::family(u64::from(pid)))
    };
    let orchestrator = of(Service::Media)
        .into_iter()
        .filter(|pid| !workers.contains(pid))
        .collect();
    let groups = vec![workers, orchestrator, of(Service::Router), of(Service::Speech)];

    let report = stack.dir().join("measured.json");
    let mut probe = Command::new(stack::binary("dragoman-probe")?);
    probe
        .args(["measure", "--source", &stack.rtmp_url("live/s0/in")])
        .args(["--programme", &format!("es={}", stack.rtmp_url("live/s0/out"))])
        .args(["--seconds", &setting.measure.as_secs().to_string()])
        .arg("--report")
        .arg(&report);
    let mut probe = Child::spawn("measure", &mut probe, stack.dir(), false)?;
    let machine = cost::machine();
    let window = Window::begin(groups);
    let deadline = Instant::now() + setting.measure + PROBE_SLACK;
    let mut rates = Vec::new();
    while probe.ended().is_none() && Instant::now() < deadline && !interrupt.is_set() {
        interrupt.wait_until(Instant::now() + Duration::from_millis(500));
        let view = stack.stream("s0").unwrap_or_default();
        rates.extend(view["programmes"][0]["dub"]["rate"].as_f64());
    }
    let costs = window.end();
    step.dub_rate = (!rates.is_empty()).then(|| rates.iter().sum::<f64>() / rates.len() as f64);
    step.machine_percent = machine.zip(cost::machine()).map(|(before, after)| {
        let percent = (after.0 - before.0) / (after.1 - before.1).max(1.0) * 100.0;
        (percent * 10.0).round() / 10.0
    });
    let after = looks(stack, step.streams);
    if let [workers, orchestrator, router, speech] = costs[..] {
        (step.workers, step.orchestrator, step.router, step.speech) = (workers, orchestrator, router, speech);
    }
    let probed = std::fs::read_to_string(&report).ok();
    let probed = probed
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or(Value::Null);
    step.judge(&before, &after, &probed);
    if let Err(error) = stack.check() {
        step.broken.push(format!("{error:#}"));
    }
    Ok(())
}

impl Step {
    /// Takes over what the service and the probe said, and names what may not be.
    fn judge(&mut self, before: &[Value], after: &[Value], probed: &Value) {
        let number = |value: &Value, path: &str| value.pointer(path).and_then(Value::as_f64);
        self.hold_ms = after
            .iter()
            .find_map(|view| number(view, "/hold_ms"))
            .unwrap_or(f64::NAN);
        self.p99_ms = after
            .iter()
            .filter_map(|view| number(view, "/added_latency_ms/p99"))
            .reduce(f64::max);
        self.probed_p99_ms = number(probed, "/added_latency_ms/p99");
        let bound = self.hold_ms + LATENCY_MARGIN_MS;
        for (who, p99) in [("worst", self.p99_ms), ("probed", self.probed_p99_ms)] {
            match p99 {
                Some(p99) if p99 <= bound => {}
                Some(p99) => self.broken.push(format!("{who} p99 {p99:.0} ms, more than {bound:.0}")),
                None => self.broken.push(format!("{who} p99 not known")),
            }
        }
        for (path, what) in [("/audio/gaps", "gaps in the sound"), ("/video/lost", "pictures lost")] {
            match number(probed, path) {
                Some(0.0) => {}
                Some(count) => self.broken.push(format!("{count} {what}")),
                None => self.broken.push(format!("{what}: not known")),
            }
        }
        const COUNTED: [(&str, &str); 4] = [
            ("/ingest/silence_samples", "samples of silence put in"),
            ("/ingest/dropped_units", "units dropped on the way in"),
            ("/programmes/0/dropped_units", "units dropped on the way out"),
            ("/worker/restarts", "workers started again"),
        ];
        for (path, what) in COUNTED {
            let sum = |views: &[Value]| views.iter().filter_map(|view| number(view, path)).sum::<f64>();
            let more = sum(after) - sum(before);
            if more > 0.0 {
                self.broken.push(format!("{more} {what}"));
            }
        }
        let away = after.iter().filter(|view| view["state"] != "live").count() + self.streams - after.len();
        if away > 0 {
            self.broken.push(format!("{away} streams not live"));
        }
        let settled = |views: &[Value]| -> u64 {
            let outcomes = views.iter().filter_map(|view| view["dub"]["outcomes"].as_object());
            outcomes.flat_map(|all| all.values()).filter_map(Value::as_u64).sum()
        };
        let on_time = |views: &[Value]| -> u64 {
            let outcomes = views.iter().map(|view| &view["dub"]["outcomes"]["on_time"]);
            outcomes.filter_map(Value::as_u64).sum()
        };
        self.dubs = settled(after).saturating_sub(settled(before));
        self.dubs_on_time = on_time(after).saturating_sub(on_time(before));
    }
}

fn options(stretched: bool) -> Options {
    let variables = |list: &[(&str, &str)]| {
        list.iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect()
    };
    Options {
        router: Router::Own,
        ports: PortChoice::Free,
        media: variables(&[("MEDIA_MAX_STREAMS", "256"), ("TARGETS", "es"), ("LOG", "warn")]),
        speech: variables(&[
            ("SPEECH_ENGINE", "mock"),
            ("SPEECH_MAX_SESSIONS", "1024"),
            ("MOCK_STRETCH", if stretched { STRETCHED } else { "100" }),
            ("LOG", "warn"),
        ]),
        keep_logs: false,
    }
}

/// The first is stamped so that the probe knows its pictures, the others are sent as they are.
fn publish(stack: &Stack, file: &Path, streams: usize, stamped: bool) -> Result<Vec<Child>> {
    let mut children = Vec::new();
    for index in 0..streams {
        let url = stack.rtmp_url(&format!("live/s{index}/in"));
        let mut command = if index == 0 && stamped {
            let mut probe = Command::new(stack::binary("dragoman-probe")?);
            probe.arg("publish").arg(&url).arg("--input").arg(file);
            probe
        } else {
            source::publish(file, &url)
        };
        children.push(Child::spawn(
            &format!("publish-{index}"),
            &mut command,
            stack.dir(),
            false,
        )?);
        // Not all keyframes at once.
        std::thread::sleep(Duration::from_millis(30));
    }
    Ok(children)
}

/// How many streams are on air with their dub, once all are or time is over.
fn on_air(stack: &mut Stack, publishers: &mut [Child], streams: usize, interrupt: &Interrupt) -> Result<usize> {
    let began = Instant::now();
    loop {
        if interrupt.is_set() {
            bail!("interrupted");
        }
        stack.check()?;
        publishers.iter_mut().try_for_each(Child::check)?;
        let is_on_air =
            |view: &Value| view["state"] == "live" && view["programmes"][0]["video_units"].as_u64() > Some(0);
        let count = looks(stack, streams).iter().filter(|view| is_on_air(view)).count();
        if count == streams || began.elapsed() > ON_AIR_WITHIN {
            return Ok(count);
        }
        interrupt.wait_until(Instant::now() + Duration::from_millis(300));
    }
}

/// Ends children at the same time instead of one after the other.
fn stop(mut children: Vec<Child>) {
    children.iter_mut().for_each(|child| child.signal(Signal::TERM));
}

fn looks(stack: &Stack, streams: usize) -> Vec<Value> {
    (0..streams)
        .filter_map(|index| stack.stream(&format!("s{index}")))
        .collect()
}

/// What copying costs: the media service is off, the same files go through the same router.
pub(super) fn copies(setting: &Setting<'_>, copier: Copier, streams: usize, interrupt: &Interrupt) -> Result<Cost> {
    let mut stack = Stack::start(&options(false))?;
    stack.end(Service::Media);
    let mut publishers = publish(&stack, setting.file, streams, false)?;
    interrupt.wait_until(Instant::now() + Duration::from_secs(2));
    let mut copiers = Vec::new();
    for index in 0..streams {
        let [from, to] = ["in", "copy"].map(|end| stack.rtmp_url(&format!("live/s{index}/{end}")));
        let mut command = copier.command(&from, &to);
        copiers.push(Child::spawn(
            &format!("copy-{index}"),
            &mut command,
            stack.dir(),
            false,
        )?);
    }
    let began = Instant::now();
    while copied(&stack)?.len() < streams && began.elapsed() < ON_AIR_WITHIN && !interrupt.is_set() {
        interrupt.wait_until(Instant::now() + Duration::from_millis(300));
    }
    interrupt.wait_until(Instant::now() + setting.settle);
    let before = copied(&stack)?;
    let window = Window::begin(vec![copiers.iter().map(|child| u64::from(child.pid())).collect()]);
    interrupt.wait_until(Instant::now() + setting.measure);
    let cost = window.end().pop().unwrap_or_default();
    let after = copied(&stack)?;
    let at_work = after
        .iter()
        .filter(|(path, bytes)| before.get(*path).is_some_and(|before| before < bytes));
    let at_work = at_work.count();
    if at_work < streams && !interrupt.is_set() {
        bail!("{}: only {at_work} of {streams} copies are at work", copier.name());
    }
    publishers.iter_mut().chain(&mut copiers).try_for_each(Child::check)?;
    copiers.extend(publishers);
    stop(copiers);
    stack.stop();
    Ok(cost)
}

/// How many bytes the router got of each copy so far.
fn copied(stack: &Stack) -> Result<BTreeMap<String, u64>> {
    let list = http::get_json(
        &format!("{}/v3/paths/list?itemsPerPage=1000", stack.router_api_url()),
        None,
    )?;
    let items = list["items"].as_array().cloned().unwrap_or_default();
    let copies = items
        .iter()
        .filter_map(|item| Some((item["name"].as_str()?, item["inboundBytes"].as_u64()?)));
    let copies = copies.filter(|(name, _)| name.ends_with("/copy"));
    Ok(copies.map(|(name, bytes)| (name.to_owned(), bytes)).collect())
}

#[cfg(test)]
#[path = "step_test.rs"]
mod tests;
