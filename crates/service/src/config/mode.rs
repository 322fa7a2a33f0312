//! `MODE`: where the parts of a deployment run, which is a promise about the other variables.

use super::Check;

/// Where the parts run. What a mode promises is judged by each service for its own variables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Everything on one machine without a GPU; the only mode that may be open.
    #[default]
    Cpu,
    /// Everything on one machine with a GPU.
    Gpu,
    /// Streams on one host, speech on another.
    Split,
}

const MODES: [(&str, Mode); 3] = [("cpu", Mode::Cpu), ("gpu", Mode::Gpu), ("split", Mode::Split)];

impl Mode {
    /// As the variable names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Gpu => "gpu",
            Self::Split => "split",
        }
    }
}

impl Check {
    /// `MODE`, and whether `ALLOW_OPEN` lets listeners beyond loopback serve without a key.
    ///
    /// Outside `cpu` it never does, and asking for it is a problem: those machines have public addresses, an open speech
    /// service is anybody's to use, and a variable that came along from somebody's laptop must not be what opens it.
    pub fn mode(&mut self, mode: Option<String>, allow_open: Option<String>) -> (Mode, bool) {
        self.mode = self.choice("MODE", mode, Mode::Cpu, &MODES);
        let asked = self.flag("ALLOW_OPEN", allow_open);
        let may = self.mode == Mode::Cpu;
        if asked && !may {
            let expected = format!("0 or not set, since MODE is {}: it needs keys", self.mode.name());
            self.problem("ALLOW_OPEN", Some("1"), &expected);
        }
        (self.mode, asked && may)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(mode: &str, allow_open: &str) -> (Mode, bool, Option<String>) {
        let mut check = Check::new();
        let (mode, open) = check.mode(Some(mode.to_owned()), Some(allow_open.to_owned()));
        check.access("KEY", None, "0.0.0.0:1".parse().unwrap(), open);
        (mode, open, check.finish().err().map(|error| error.to_string()))
    }

    #[test]
    fn only_the_local_mode_can_be_open() {
        assert_eq!(judged("cpu", "1"), (Mode::Cpu, true, None));
        for (name, mode) in MODES {
            assert_eq!(mode.name(), name);
            let (_, open, problems) = judged(name, "0");
            assert!(!open && problems.unwrap().contains("\n  KEY: "));
        }
        for name in ["gpu", "split"] {
            let (_, open, problems) = judged(name, "1");
            let problems = problems.unwrap();
            assert!(!open && problems.contains("\n  ALLOW_OPEN: ") && problems.contains("\n  KEY: "));
            assert!(
                !problems.contains("ALLOW_OPEN=1"),
                "what cannot be is not advised: {problems}"
            );
        }
    }
}
