//! Progress for people.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use dragoman_models::store::meter::{Meter, bytes, time};
use dragoman_models::store::{Event, Progress};

/// Shows progress on stderr: one line that changes on a terminal; elsewhere a line now and then.
pub(super) struct Console {
    terminal: bool,
    file: String,
    verb: &'static str,
    meter: Option<Meter>,
    began: Instant,
    shown: Instant,
}

impl Console {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            terminal: std::io::stderr().is_terminal(),
            file: String::new(),
            verb: "",
            meter: None,
            began: now,
            shown: now,
        }
    }

    fn begin(&mut self, file: &str, verb: &'static str, size: u64, have: u64) {
        let now = Instant::now();
        self.file = file.to_owned();
        self.verb = verb;
        self.meter = Some(Meter::new(size, have, now));
        (self.began, self.shown) = (now, now);
        if !self.terminal && verb != "hashing" {
            let from = if have > 0 {
                format!(", {} are here", bytes(have))
            } else {
                String::new()
            };
            eprintln!("{file}: {verb} {}{from}", bytes(size));
        }
    }

    fn advance(&mut self, more: u64) {
        let now = Instant::now();
        let Some(meter) = &mut self.meter else { return };
        meter.advance(more, now);
        let pause = if self.terminal {
            Duration::from_millis(100)
        } else {
            Duration::from_secs(10)
        };
        if now.duration_since(self.shown) < pause {
            return;
        }
        self.shown = now;
        let left = meter
            .left(now)
            .map_or_else(|| "time left unknown".to_owned(), |left| format!("{} left", time(left)));
        let line = format!(
            "{}: {} {} of {}, {}/s, {left}",
            self.file,
            self.verb,
            bytes(meter.have()),
            bytes(meter.size()),
            bytes(meter.rate(now))
        );
        if self.terminal {
            eprint!("\r\x1b[K{line}");
        } else {
            eprintln!("{line}");
        }
    }

    /// Takes the changing line away.
    pub(super) fn clear(&mut self) {
        if self.terminal && self.meter.take().is_some() {
            eprint!("\r\x1b[K");
        }
    }
}

impl Progress for Console {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Planned { files, bytes: 0 } => eprintln!("{files} files to verify"),
            Event::Planned { files, bytes: n } => eprintln!("{files} files, {} to download", bytes(n)),
            Event::Waiting { file } => eprintln!("{file}: another process has it in hand; waiting for it"),
            Event::Started { file, size, have } => self.begin(file, "downloading", size, have),
            Event::Checking { file, size } => self.begin(file, "hashing", size, 0),
            Event::Advanced { bytes } => self.advance(bytes),
            Event::Done { file, first_use } => {
                self.clear();
                let note = if first_use { ", first use: now locked" } else { "" };
                eprintln!("{file}: verified{note}");
            }
            Event::Note { file, what } => {
                self.clear();
                eprintln!("{file} {what}");
            }
        }
    }
}
