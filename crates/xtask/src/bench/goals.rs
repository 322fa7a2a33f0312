//! What the figures have to reach so that a live stream is kept up with on two cores.

use serde_json::{Value, json};

use super::figures::Figures;

/// Utterances: (seconds, tokens) as the parts measure them.
const UTTERANCES: [(u32, u32); 2] = [(2, 10), (5, 19)];

/// One of them.
pub(crate) struct Goal {
    what: String,
    /// `None`: not measured.
    found: Option<f64>,
    wanted: Wanted,
}

enum Wanted {
    AtMost(f64),
    AtLeast(f64),
}

impl Goal {
    fn met(&self) -> Option<bool> {
        self.found.map(|found| match self.wanted {
            Wanted::AtMost(most) => found <= most,
            Wanted::AtLeast(least) => found >= least,
        })
    }

    /// As a line.
    pub(crate) fn show(&self) -> String {
        let wanted = match self.wanted {
            Wanted::AtMost(most) => format!("at most {most}"),
            Wanted::AtLeast(least) => format!("at least {least}"),
        };
        let verdict = match self.met() {
            Some(true) => "reached",
            Some(false) => "MISSED",
            None => "not measured",
        };
        let found = self.found.map_or_else(|| "-".to_owned(), |found| format!("{found:.3}"));
        format!("{verdict:12}  {found:>8}  ({wanted})  {}", self.what)
    }

    /// As JSON.
    pub(crate) fn json(&self) -> Value {
        json!({"what": self.what, "found": self.found, "reached": self.met()})
    }
}

/// The real-time factors of an utterance's stages, by who did them, and their sum: below 1 it is kept up with.
pub(crate) fn factors(figures: &Figures) -> Vec<(u32, &'static str, [Option<f64>; 3])> {
    let mut all = Vec::new();
    for (seconds, tokens) in UTTERANCES {
        for who in ["q8", "f32", "python"] {
            let stages = [
                format!("whisper-base whole, {seconds} s, {tokens} tokens"),
                format!("opus-mt, {seconds} s"),
                format!("pocket-tts whole, {seconds} s"),
            ];
            let factors = stages.map(|what| figures.median(&what, who).map(|median| median / f64::from(seconds)));
            if factors.iter().any(Option::is_some) {
                all.push((seconds, who, factors));
            }
        }
    }
    all
}

/// All of them.
pub(crate) fn goals(figures: &Figures) -> Vec<Goal> {
    let goal = |what: &str, found: Option<f64>, wanted| Goal {
        what: what.to_owned(),
        found,
        wanted,
    };
    let ratio = |over: Option<f64>, under: Option<f64>| over.zip(under).map(|(over, under)| over / under);
    let median = |what: &str, who: &str| figures.median(what, who);
    let mut goals = Vec::new();
    for (seconds, who, stages) in factors(figures) {
        if who == "q8" {
            let sum = stages.into_iter().sum::<Option<f64>>();
            let what = format!("all stages of {seconds} s of speech, in real time");
            goals.push(goal(&what, sum, Wanted::AtMost(1.0)));
        }
    }
    let whole = median("whisper-base whole, 5 s, 19 tokens", "q8").map(|seconds| seconds / 5.0);
    goals.push(goal(
        "whisper-base of 5 s on one thread, in real time",
        whole,
        Wanted::AtMost(0.15),
    ));
    let mel = ratio(median("mel, 2 s", "candle f32"), median("mel, 2 s", "f32"));
    goals.push(goal("times faster than candle's mel", mel, Wanted::AtLeast(20.0)));
    let window = ratio(
        median("whisper-base encoder, 30 s", "q8"),
        median("whisper-base encoder, 2 s", "q8"),
    );
    goals.push(goal(
        "times faster encoder for 2 s than for 30 s",
        window,
        Wanted::AtLeast(10.0),
    ));
    let first = median("pocket-tts first audio", "q8").map(|seconds| seconds * 1e3);
    goals.push(goal("ms until Pocket TTS is heard", first, Wanted::AtMost(150.0)));
    let speed = median("pocket-tts times real time", "q8");
    goals.push(goal(
        "times real time by Pocket TTS on one thread",
        speed,
        Wanted::AtLeast(1.7),
    ));
    goals
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_reached_missed_or_not_measured() {
        let mut figures = Figures::default();
        let one = |what: &str, who: &str, value: f64| json!({"what": what, "who": who, "values": [value]});
        let report = json!({"values": [
            one("mel, 2 s", "candle f32", 0.3),
            one("mel, 2 s", "f32", 0.001),
            one("whisper-base whole, 5 s, 19 tokens", "q8", 2.0),
            one("opus-mt, 5 s", "q8", 1.0),
            one("pocket-tts whole, 5 s", "q8", 1.5),
        ]});
        figures.times(&report).unwrap();
        let lines: Vec<String> = goals(&figures).iter().map(Goal::show).collect();
        let line = |what: &str| lines.iter().find(|line| line.contains(what)).unwrap();
        assert!(line("candle's mel").starts_with("reached"));
        assert!(line("on one thread, in real time").starts_with("MISSED"));
        assert!(line("Pocket TTS is heard").starts_with("not measured"));
        assert!(line("all stages of 5 s").contains("0.900"));
    }
}
