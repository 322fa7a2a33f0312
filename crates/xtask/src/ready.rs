//! Waiting until every service of a stack says that it is ready.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::child::Child;
use crate::{http, stack};

/// From the start of the processes until all of them say that they are ready.
const WITHIN: Duration = Duration::from_secs(20);
/// The same where models are loaded and tried first, some gigabytes on a slow disk.
const WITH_MODELS_WITHIN: Duration = Duration::from_secs(300);
const POLL: Duration = Duration::from_millis(15);

/// Asks each of `waiting`, a name and what to ask, until it answers 200.
pub(crate) fn wait(children: &mut [Child], mut waiting: Vec<(&'static str, String)>, started: Instant) -> Result<()> {
    loop {
        for child in &mut *children {
            child.check()?;
        }
        let mut loads = false;
        for (name, url) in std::mem::take(&mut waiting) {
            match http::status_and_json(&url) {
                Ok((200, _)) => continue,
                // It would try again, but whoever waits here wants to know.
                Ok((_, body)) if name == stack::SPEECH && body["status"] == "failed" => {
                    let problem = body["problem"].as_str().unwrap_or("no reason is given");
                    bail!("speech cannot dub: {problem}{}", where_to_run(problem));
                }
                Ok((_, body)) => loads |= body["status"] == "loading",
                Err(_) => {}
            }
            waiting.push((name, url));
        }
        let Some((name, url)) = waiting.first() else {
            return Ok(());
        };
        let limit = if loads { WITH_MODELS_WITHIN } else { WITHIN };
        if started.elapsed() > limit {
            let tail = children.iter().map(Child::tail).collect::<Vec<_>>().join("\n");
            bail!("{name} was not ready within {limit:?} ({url})\n{tail}");
        }
        std::thread::sleep(POLL);
    }
}

/// Where the program is that a problem asks to run.
fn where_to_run(problem: &str) -> String {
    match stack::binary("dragoman-speech") {
        Ok(path) if problem.contains("dragoman-speech ") => format!("\ndragoman-speech is {}", path.display()),
        _ => String::new(),
    }
}
