//! A fault and what viewers get of it: two streams on one stack, one of them may suffer, the other must not notice.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use dragoman_probe::element::now_ns;
use dragoman_speech::engine::mock::tone_hz;
use rustix::process::{Pid, kill_process};
use serde_json::{Value, json};
use xtask::stack::{Router, Service, Signal, Stack};

use crate::eventually::eventually;
use crate::leftovers::{Leftovers, family, orchestrator};
use crate::material;
use crate::playing::Publisher;
use crate::relay::Relay;
use crate::running::{logs, on_air};
use crate::setting::Setting;
use crate::viewer::{Look, Seen, Viewer};

/// The stream that the fault hits, and the one that must not notice.
const STREAMS: [&str; 2] = ["hit", "bystander"];
/// A frame at 30 a second.
const FRAME_MS: f64 = 34.0;
/// Gaps that a busy machine makes by itself: they are shown, and no fault's.
const NOISE_MS: f64 = 250.0;
/// What came just before the fault shows how long nothing came after it.
const LOOK_BACK_NS: u64 = 150_000_000;
/// Without a picture for so long, a programme is away.
const AWAY_MS: f64 = 600.0;
/// How exactly the moment is known at which a dub or the original is heard: a look and its step.
const LOOK_MS: f64 = 60.0;
/// A dub is back within two seconds, when the utterance that is spoken then is cut within 1.7 s.
const DUB_BACK_MS: f64 = 2_000.0 + 1_700.0;

/// MediaMTX looks at what comes for so long before it lets it through.
const ANALYSIS_MS: u64 = 2_000;

/// A stack with two streams on air, both dubbed and watched.
pub struct Scene {
    /// The services.
    pub stack: Stack,
    /// Who publishes the stream that is hit.
    pub publisher: Option<Publisher>,
    /// Watches the stream that is hit.
    pub viewer: Viewer,
    name: String,
    router: Router,
    url_of_hit: String,
    bystander: Viewer,
    other: Publisher,
    begun_ns: u64,
    leftovers: Leftovers,
    row: BTreeMap<&'static str, Value>,
}

impl Scene {
    /// Starts everything and waits until both programmes are dubbed.
    pub fn start(name: &str, media: &[(&str, &str)], speech: &[(&str, &str)]) -> Result<Self> {
        Self::start_in(name, &Setting::new(media, speech))
    }

    /// The same in a setting of its own.
    pub fn start_in(name: &str, setting: &Setting) -> Result<Self> {
        Self::start_led(name, setting, |_| Ok(()))
    }

    /// The same, where `lead` is told the stack's ports before anything is published.
    pub fn start_led(name: &str, setting: &Setting, lead: impl FnOnce(&Stack) -> Result<()>) -> Result<Self> {
        let stack = setting.start()?;
        lead(&stack)?;
        let url = url(&stack, STREAMS[0]);
        Self::start_at(name, setting.router()?, stack, url)
    }

    /// As [`Scene::start`], on a network between media and speech that can be made worse; `more` are further hosts.
    pub fn with_relay_to_speech(name: &str, more: &[SocketAddr]) -> Result<(Self, Relay)> {
        let relay = Relay::start()?;
        let hosts = std::iter::once(relay.address()).chain(more.iter().copied());
        let hosts: Vec<String> = hosts.map(|address| format!("ws://{address}")).collect();
        let setting = Setting::new(&[("SPEECH_URL", &hosts.join(","))], &[]);
        let scene = Self::start_led(name, &setting, |stack| {
            relay.lead_to(stack.ports().speech);
            Ok(())
        })?;
        Ok((scene, relay))
    }

    /// As [`Scene::start`], on a network between publisher and router that can be made worse; `query` is the stream's.
    pub fn with_relay_to_publisher(name: &str, query: &str) -> Result<(Self, Relay)> {
        let relay = Relay::start()?;
        let setting = Setting::default();
        let stack = setting.start()?;
        relay.lead_to(stack.ports().rtmp);
        let url = format!("rtmp://{}/live/{}/in?targets=es&{query}", relay.address(), STREAMS[0]);
        Ok((Self::start_at(name, setting.router()?, stack, url)?, relay))
    }

    fn start_at(name: &str, router: Router, stack: Stack, url_of_hit: String) -> Result<Self> {
        let publisher = publish(&url_of_hit)?;
        let other = publish(&url(&stack, STREAMS[1]))?;
        for id in STREAMS {
            on_air(&stack, id)?;
        }
        let [viewer, bystander] =
            STREAMS.map(|id| Viewer::start(&stack.rtmp_url(&format!("live/{id}/out")), tone_hz("es")));
        let (viewer, bystander) = (viewer?, bystander?);
        let mut scene = Self {
            leftovers: Leftovers::look(&stack)?,
            stack,
            url_of_hit,
            publisher: Some(publisher),
            viewer,
            name: match router {
                Router::Own => name.to_owned(),
                Router::MediaMtx => format!("{name}, MediaMTX"),
            },
            router,
            bystander,
            other,
            begun_ns: 0,
            row: BTreeMap::new(),
        };
        let begun = now_ns();
        scene.is_dubbed_after("before the fault", begun)?;
        scene.until("the bystander is dubbed", || Ok(scene.bystander.seen().first_dub_ns()))?;
        if scene.router == Router::MediaMtx {
            // Its viewers are let in while the first dub of all is still on: faults are to hit one of many.
            scene.watch(3.0)?;
        }
        scene.leftovers = Leftovers::look(&scene.stack)?;
        Ok(scene)
    }

    /// A service is started again, with more variables.
    pub fn start_again(&mut self, service: Service, variables: &[(&str, &str)]) -> Result<()> {
        self.leftovers.hand_down();
        self.stack.start_again(service, variables)?;
        // Other scenarios go on meanwhile.
        self.leftovers.hand_down();
        Ok(())
    }

    /// The stream that is hit is published again.
    pub fn publish(&mut self) -> Result<()> {
        self.publisher = Some(self.another_publisher()?);
        Ok(())
    }

    /// Somebody else publishes the stream that is hit.
    pub fn another_publisher(&self) -> Result<Publisher> {
        publish(&self.url_of_hit)
    }

    /// Somebody publishes a further stream.
    pub fn publish_as(&self, id: &str) -> Result<Publisher> {
        publish(&url(&self.stack, id))
    }

    /// How many workers run.
    pub fn workers(&self) -> Result<usize> {
        let guardian = self.stack.pid(Service::Media).context("media does not run")?;
        let orchestrator = orchestrator(&self.stack)?;
        let others = family(guardian)
            .into_iter()
            .filter(|pid| ![guardian, orchestrator].contains(pid));
        Ok(others.count())
    }

    /// Both streams are published again.
    pub fn publish_all(&mut self) -> Result<()> {
        self.other = publish(&url(&self.stack, STREAMS[1]))?;
        self.publish()
    }

    /// Publishers that were disconnected connect again for a while, as streaming software does.
    pub fn publishers_come_back(&mut self, seconds: f64) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs_f64(seconds);
        while Instant::now() < deadline {
            if self.publisher.as_mut().is_some_and(Publisher::has_ended) {
                self.publish()?;
            }
            if self.other.has_ended() {
                self.other = publish(&url(&self.stack, STREAMS[1]))?;
            }
            self.watch(0.2)?;
        }
        Ok(())
    }

    /// The process of the worker that is hit.
    pub fn worker(&self) -> Result<u32> {
        let pid = self.state()["worker"]["pid"].as_u64();
        u32::try_from(pid.context("the stream has no worker")?).context("no process has such a number")
    }

    /// Sends a signal to the worker that is hit; the process that got it.
    pub fn signal_worker(&self, signal: Signal) -> Result<u32> {
        let pid = self.worker()?;
        send(pid, signal)?;
        Ok(pid)
    }

    /// Sends a signal to who publishes the stream that is hit.
    pub fn signal_publisher(&self, signal: Signal) -> Result<()> {
        let publisher = self.publisher.as_ref().context("nobody publishes")?;
        send(publisher.pid(), signal)
    }

    /// Waits for something.
    pub fn until<T>(&self, what: &str, look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
        eventually(what, look, || {
            let streams = STREAMS.map(|id| self.stack.stream(id).unwrap_or_default());
            format!("{}\n{}", json!(streams), logs(&self.stack))
        })
    }

    /// Waits until the viewer has seen so much more of the programme.
    pub fn watch(&self, seconds: f64) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs_f64(seconds);
        self.until(&format!("{seconds} s more are watched"), || {
            Ok((Instant::now() >= deadline).then_some(()))
        })
    }

    /// When a dub was heard first after a time.
    pub fn is_dubbed_after(&self, what: &str, after_ns: u64) -> Result<u64> {
        self.until(&format!("the dub is heard {what}"), || {
            Ok(self.viewer.seen().between(after_ns, u64::MAX).first_dub_ns())
        })
    }

    /// What the media service says of the stream that is hit.
    pub fn state(&self) -> Value {
        self.stack.stream(STREAMS[0]).unwrap_or_default()
    }

    /// Waits until the media service says of the stream that is hit what `is_so` looks for; what it said is kept.
    pub fn says(&mut self, what: &'static str, is_so: impl Fn(&Value) -> bool) -> Result<Value> {
        let said = self.until(what, || Ok(Some(self.state()).filter(|state| is_so(state))))?;
        self.note(
            "said",
            json!({"state": said["state"], "speech": said["speech"]["state"], "reason": said["reason"]}),
        );
        Ok(said)
    }

    /// How many dubs of the stream that is hit have come to this end.
    pub fn outcomes(&self, outcome: &str) -> u64 {
        self.state()["programmes"][0]["dub"]["outcomes"][outcome]
            .as_u64()
            .unwrap_or(0)
    }

    /// A figure of the speech service's metrics.
    pub fn speech_metric(&self, name: &str) -> Result<f64> {
        let text = reqwest::blocking::get(format!("{}/metrics", self.stack.speech_url()))?.text()?;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let value = line.with_context(|| format!("no metric {name}"))?;
        Ok(value.trim().parse()?)
    }

    /// Keeps a figure for the table.
    pub fn note(&mut self, name: &'static str, value: impl Into<Value>) {
        self.row.insert(name, value.into());
    }

    /// What the viewer saw since the fault began.
    pub fn seen(&self) -> Seen {
        self.viewer
            .seen()
            .between(self.begun_ns.saturating_sub(LOOK_BACK_NS), u64::MAX)
    }

    /// The fault begins now: what is seen from here on is its doing.
    pub fn begin(&mut self) -> u64 {
        self.begun_ns = now_ns();
        self.begun_ns
    }

    /// No gap in sound or picture, no silence, stamps in order.
    pub fn is_unbroken(&mut self) -> Result<()> {
        let seen = self.seen();
        self.measure(&seen);
        ensure!(
            seen.longest_without_picture_ms() < FRAME_MS + NOISE_MS,
            "no picture for {} ms",
            seen.longest_without_picture_ms()
        );
        ensure!(
            seen.longest_without_sound_ms() < FRAME_MS + NOISE_MS,
            "no sound for {} ms",
            seen.longest_without_sound_ms()
        );
        ensure!(seen.jumps.is_empty(), "the sound jumps: {:?}", seen.jumps);
        ensure!(
            seen.longest_silence_ms() < 10.0,
            "silence of {} ms",
            seen.longest_silence_ms()
        );
        ensure!(seen.is_monotonic(), "stamps go back");
        Ok(())
    }

    /// The dub breaks off, and the original is heard at its full level within 100 ms.
    pub fn falls_back_to_the_original(&mut self) -> Result<()> {
        let begun = self.begun_ns;
        // Longer than any pause of the talk and its dub.
        self.until("the original alone is heard", || {
            let seen = self.viewer.seen().between(begun, u64::MAX);
            Ok((seen.longest_run_ms(Look::is_original) > 2_000.0).then_some(()))
        })?;
        let after = self.seen().dub_to_original_ms().context("the original is not heard")?;
        self.note("original_after_ms", after.round());
        ensure!(
            after <= 100.0 + LOOK_MS,
            "the original is at its full level {after} ms after the dub"
        );
        Ok(())
    }

    /// The speech service is well again from now on: its dub is heard soon.
    pub fn dub_is_back(&mut self) -> Result<()> {
        let well = now_ns();
        let heard = self.is_dubbed_after("again", well)?;
        let after = (heard - well) as f64 / 1e6;
        self.note("dub_back_ms", after.round());
        ensure!(after <= DUB_BACK_MS, "the dub is back after {after} ms");
        // A worker's own look at it follows.
        self.watch(2.0)
    }

    /// The programme is away because of the fault, and back in time, with rising stamps and its dub.
    pub fn programme_is_back(&mut self, within_ms: u64) -> Result<()> {
        let begun = self.begun_ns;
        let back = self.until("the programme was away and is back", || {
            let seen = self.viewer.seen();
            let pictures = &seen.pictures;
            let after = pictures
                .iter()
                .zip(pictures.iter().skip(1))
                .find(|(before, after)| after.at_ns > begun && (after.at_ns - before.at_ns) as f64 / 1e6 > AWAY_MS);
            Ok(after.map(|(_, after)| after.at_ns))
        })?;
        self.is_dubbed_after("again", back)?;
        self.watch(3.0)?;
        let seen = self.seen();
        self.measure(&seen);
        let within_ms = match self.router {
            Router::Own => within_ms,
            Router::MediaMtx => within_ms + ANALYSIS_MS,
        };
        let away = (back - begun) as f64 / 1e6;
        self.note("programme_back_ms", away.round());
        ensure!(
            away <= within_ms as f64,
            "the programme is back after {away} ms, expected {within_ms}"
        );
        Ok(())
    }

    /// Over all connections of the viewer no stamp goes back: the session is the same.
    pub fn time_goes_on(&self) -> Result<()> {
        let seen = self.viewer.seen();
        ensure!(seen.is_monotonic(), "stamps go back: {:?}", seen.first_step_back());
        Ok(())
    }

    /// Keeps what the viewer got.
    pub fn measure(&mut self, seen: &Seen) {
        self.note("without_picture_ms", seen.longest_without_picture_ms().round());
        self.note("without_sound_ms", seen.longest_without_sound_ms().round());
        self.note("silence_ms", seen.longest_silence_ms().round());
        self.note("connections", 1 + seen.ups.len());
    }

    /// The other stream noticed nothing, nothing is left over, and the row goes into the table.
    pub fn finish(mut self) -> Result<()> {
        let bystander = self.bystander.seen().between(self.begun_ns, u64::MAX);
        self.bystander_is_well(&bystander)?;
        let left = self.nothing_is_left()?;
        self.note("left", left);
        self.keep()
    }

    /// As [`Scene::finish`], where the fault hits the other stream too by its nature.
    pub fn finish_all_hit(mut self) -> Result<()> {
        let left = self.nothing_is_left()?;
        self.note("left", left);
        self.note("bystander", "hit too");
        self.keep()
    }

    fn nothing_is_left(&self) -> Result<Value> {
        let back = self.until("memory, threads and descriptors are back", || {
            self.leftovers.compare(&self.stack)
        });
        back.with_context(|| {
            format!(
                "more is left: {:?}, at first {:?}",
                Leftovers::look(&self.stack),
                self.leftovers
            )
        })
    }

    fn bystander_is_well(&mut self, seen: &Seen) -> Result<()> {
        let (picture, sound) = (seen.longest_without_picture_ms(), seen.longest_without_sound_ms());
        ensure!(
            picture < FRAME_MS + NOISE_MS && sound < FRAME_MS + NOISE_MS && seen.ups.is_empty(),
            "the other stream noticed: {picture} ms without picture, {sound} ms without sound"
        );
        ensure!(
            seen.jumps.is_empty() && seen.longest_silence_ms() < 10.0,
            "the other stream has a hole"
        );
        self.note("bystander", "unharmed");
        Ok(())
    }

    fn keep(self) -> Result<()> {
        let file = table()?.join(format!("{}.json", self.name));
        let row = json!({"fault": self.name, "measured": self.row});
        std::fs::write(&file, row.to_string()).with_context(|| format!("cannot write {}", file.display()))
    }
}

/// Sends a signal to a process.
pub fn send(pid: u32, signal: Signal) -> Result<()> {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .context("no process has such a number")?;
    kill_process(pid, signal).context("the process takes no signal")
}

fn url(stack: &Stack, id: &str) -> String {
    stack.rtmp_url(&format!("live/{id}/in?targets=es"))
}

fn publish(url: &str) -> Result<Publisher> {
    Publisher::ffmpeg_with(&["-stream_loop", "-1"], &material::talk()?, &[], url)
}

/// Where the rows of the table are: `target/<profile>/faults`.
fn table() -> Result<PathBuf> {
    let dir = material::dir()?.with_file_name("faults");
    std::fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    Ok(dir)
}
