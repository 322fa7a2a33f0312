//! From a pod that was made to one that dubs, or to why it never will.

use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::RunPod;
use super::candidates::Wanted;
use super::health::{Answer, Health};
use super::model::{Pod, Status};
use super::pods::Run;

/// Between two looks at a pod.
const LOOK: Duration = Duration::from_secs(5);
/// How many lines of a pod's log tell why it was given up.
const LAST_LINES: usize = 20;

/// How a wait ends.
pub(crate) enum End {
    /// It dubs; the pod as last seen.
    Ready(Pod),
    /// It was given up and deleted, and why.
    Deleted(String),
}

impl Run<'_, '_> {
    /// Until `pod` is ready, or given up; `index` says which candidate it was made for, `created` that this run made it.
    pub(crate) fn wait(&mut self, mut pod: Pod, index: usize, created: bool) -> Result<End> {
        let wanted = self.wanted[index].clone();
        let api = self.api;
        let minutes = Duration::from_secs(60 * u64::from(self.gpu.ready_minutes));
        let until = self.until.min(api.client.clock.now() + minutes);
        let mut told = String::new();
        loop {
            let answer = api.proxy.ask(&pod.id)?;
            if let Answer::Ready(health) = &answer {
                self.check_engine(&pod, &wanted, health, created)?;
                return Ok(End::Ready(pod));
            }
            match api.look(&pod)? {
                Some(seen) => pod = seen,
                None => return Ok(End::Deleted("the pod was deleted by somebody else".into())),
            }
            let state = describe(&pod, &answer);
            if let Some(why) = self.hopeless(&pod, &answer) {
                return self.give_up(&pod, &why);
            }
            if api.client.clock.now() >= until {
                return self.give_up(&pod, &format!("not ready in time: {state}"));
            }
            if state != told {
                (self.say)(&format!("speech: pod {} ({}): {state}", pod.name, pod.id));
                told = state;
            }
            api.client.clock.sleep(LOOK);
        }
    }

    fn hopeless(&self, pod: &Pod, answer: &Answer) -> Option<String> {
        if pod.status.is_over() {
            // A start might bring it back without its GPU, or elsewhere under another id.
            return Some(format!("the pod is {}", pod.status.as_str()));
        }
        if let Some(most) = self.gpu.max_hourly.filter(|most| pod.cost > *most) {
            return Some(format!(
                "it costs ${:.2} an hour, above max_hourly, ${most:.2}",
                pod.cost
            ));
        }
        match answer {
            Answer::NotReady(health) if health.status == "failed" => {
                let problem = health.problem.as_deref().unwrap_or("it does not say why");
                Some(format!("its engine failed: {}", self.api.client.clean(problem)))
            }
            _ => None,
        }
    }

    /// An engine other than the one that was asked for would put tones on air, at the price of a GPU.
    fn check_engine(&mut self, pod: &Pod, wanted: &Wanted<'_>, health: &Health, created: bool) -> Result<()> {
        let engine = self.api.client.clean(&health.engine);
        let Some(asked) = wanted.engine().filter(|asked| *asked != health.engine) else {
            (self.say)(&format!(
                "speech: pod {} ({}, {}) is ready: {engine} on {}",
                pod.name,
                pod.id,
                wanted.place(),
                self.api.client.clean(&health.device)
            ));
            return Ok(());
        };
        let fate = if created {
            self.api.delete_pod(&pod.id)?;
            "it was deleted again"
        } else {
            "it is left as it is"
        };
        bail!(
            "speech: pod {} ({}) answers with the engine {engine}, SPEECH_ENGINE asks for {asked}; {fate}. See that \
             {} is the image of the speech service",
            pod.name,
            pod.id,
            wanted.candidate.image
        )
    }

    /// Says the pod's last words, and deletes it: it would be paid for ever.
    fn give_up(&mut self, pod: &Pod, why: &str) -> Result<End> {
        let lines = self.api.client.log_lines(&pod.id, LAST_LINES, self.api.log_window);
        (self.say)(&format!("speech: pod {} ({}) is given up: {why}", pod.name, pod.id));
        match lines {
            Ok(lines) if lines.is_empty() => (self.say)("  its log is empty"),
            Ok(lines) => lines.iter().for_each(|line| (self.say)(&format!("  {line}"))),
            Err(problem) => (self.say)(&format!("  its log cannot be read: {}", problem.brief())),
        }
        self.api.delete_pod(&pod.id)?;
        self.gone.push(pod.id.clone());
        (self.say)(&format!("speech: pod {} ({}) deleted", pod.name, pod.id));
        Ok(End::Deleted(why.to_owned()))
    }
}

fn describe(pod: &Pod, answer: &Answer) -> String {
    let status = pod.status.as_str();
    match answer {
        Answer::Ready(health) | Answer::NotReady(health) => format!("{status}, speech is {}", health.status),
        Answer::Silent(_) if pod.status == Status::Running && pod.runtime.is_none() => {
            format!("{status}, but its container never started")
        }
        Answer::Silent(why) => format!("{status}, {why}"),
    }
}

impl RunPod {
    /// The pod now; `None`: it is gone.
    fn look(&self, pod: &Pod) -> Result<Option<Pod>> {
        match self.client.get(&format!("/pods/{}", pod.id)) {
            Ok(pod) => Ok(Some(pod)),
            Err(problem) if problem.status() == Some(404) => Ok(None),
            Err(problem) => Err(problem)
                .with_context(|| format!("speech: look at pod {} ({}), which stays, and costs", pod.name, pod.id)),
        }
    }

    pub(crate) fn delete_pod(&self, id: &str) -> Result<()> {
        self.client
            .delete(&format!("/pods/{id}"))
            .with_context(|| format!("speech: delete the pod {id}, which stays, and costs"))
    }
}
