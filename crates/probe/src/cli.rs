//! The command line.

use std::io::Write as _;
use std::sync::atomic::AtomicBool;

use anyhow::Result;
use serde::Serialize;

use crate::{measure, publish};

/// Publishes a talking test stream and measures programmes like any viewer.
#[derive(Debug, clap::Parser)]
#[command(name = "dragoman-probe", version, about, propagate_version = true)]
pub enum Command {
    /// Publish a live stream over RTMP, each picture stamped, each second of sound ticked
    Publish(publish::Options),
    /// Read a source and its programmes and compare them; a JSON line each second, the report last
    Measure(measure::Options),
}

/// Runs a command until it is done or `stop` is set. JSON lines go to the standard output.
pub fn run(command: &Command, stop: &AtomicBool) -> Result<()> {
    match command {
        Command::Publish(options) => {
            let ended = publish::run(options, stop, &mut |started| line(started))?;
            line(&ended);
        }
        Command::Measure(options) => {
            let report = measure::run(options, stop, &mut |live| line(live))?;
            line(&report);
        }
    }
    Ok(())
}

fn line(value: &impl Serialize) {
    // Nobody reads any more: what is measured goes on, and the report is in its file.
    let _ = serde_json::to_string(value).map(|json| writeln!(std::io::stdout(), "{json}"));
}
