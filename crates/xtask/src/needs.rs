//! What has to be on the machine beside a Rust toolchain, how to find it and which package brings it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// For which commands a need counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Building and running: `up`, `demo`, `publish`.
    Run,
    /// The tests as well.
    Test,
    /// The tests of web pages, which are skipped without it: no system's package manager has it everywhere.
    Pages,
    /// The test that dubs real speech by other people's programs, which is skipped where they cannot be had.
    Chain,
    /// What stands in for a cloud.
    Cloud,
}

/// How a need is found.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Probe {
    /// One of these programs is on the PATH (or is this absolute path).
    Program(&'static [&'static str]),
    /// A pkg-config module, at least this version.
    Module(&'static str, &'static str),
    /// A module that `python3` can load.
    Python(&'static str),
    /// These elements are in the plugin `libgst<first>`.
    Elements(&'static str, &'static [&'static str]),
}

/// One thing that has to be there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Need {
    pub(crate) scope: Scope,
    pub(crate) probe: Probe,
    /// What it is for, in a few words.
    pub(crate) reason: &'static str,
    /// Debian and Ubuntu packages. Recommended packages are not installed, so `gcc` names its C library headers.
    pub(crate) apt: &'static [&'static str],
    /// Homebrew formula; empty where there is none.
    pub(crate) brew: &'static str,
}

/// GStreamer as Debian 12 ships it; the crates are built for this version of its API.
const GSTREAMER: &str = "1.22";
const CHROMIUM: &[&str] = &[
    "chromium",
    "chromium-browser",
    "google-chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

const fn need(
    scope: Scope,
    probe: Probe,
    reason: &'static str,
    apt: &'static [&'static str],
    brew: &'static str,
) -> Need {
    Need {
        scope,
        probe,
        reason,
        apt,
        brew,
    }
}

/// Every need, in the order in which `doctor` shows them.
pub(crate) const NEEDS: &[Need] = {
    use Probe::{Elements, Module, Program, Python};
    use Scope::{Chain, Cloud, Pages, Run, Test};
    &[
        need(
            Run,
            Program(&["cc", "gcc", "clang"]),
            "links the Rust code",
            &["gcc", "libc6-dev"],
            "llvm",
        ),
        need(
            Run,
            Program(&["pkg-config"]),
            "finds native libraries",
            &["pkg-config"],
            "pkg-config",
        ),
        need(
            Run,
            Module("gstreamer-1.0", GSTREAMER),
            "media pipelines",
            &["libgstreamer1.0-dev"],
            "gstreamer",
        ),
        need(
            Run,
            Module("gstreamer-app-1.0", GSTREAMER),
            "media pipelines",
            &["libgstreamer-plugins-base1.0-dev"],
            "gstreamer",
        ),
        need(
            Run,
            Program(&["gst-inspect-1.0"]),
            "finds elements",
            &["gstreamer1.0-tools"],
            "gstreamer",
        ),
        need(
            Run,
            Elements("app", &["appsrc", "appsink"]),
            "joins pipelines",
            BASE,
            "gstreamer",
        ),
        need(
            Run,
            Elements("audioresample", &["audioresample"]),
            "changes sample rates",
            BASE,
            "gstreamer",
        ),
        need(
            Run,
            Elements("audioconvert", &["audioconvert"]),
            "changes sample formats",
            BASE,
            "gstreamer",
        ),
        need(
            Run,
            Elements("flv", &["flvdemux", "flvmux"]),
            "opens and makes FLV",
            GOOD,
            "gstreamer",
        ),
        need(
            Run,
            Elements("audioparsers", &["aacparse"]),
            "frames AAC",
            GOOD,
            "gstreamer",
        ),
        need(Run, Elements("rtsp", &["rtspsrc"]), "pulls RTSP", GOOD, "gstreamer"),
        need(
            Run,
            Elements("rtp", &["rtph264depay", "rtpmp4gdepay"]),
            "unpacks RTP",
            GOOD,
            "gstreamer",
        ),
        need(
            Run,
            Elements("rtpmanager", &["rtpjitterbuffer"]),
            "orders RTP",
            GOOD,
            "gstreamer",
        ),
        need(
            Run,
            Elements("rtmp2", &["rtmp2src", "rtmp2sink"]),
            "pulls and pushes RTMP",
            BAD,
            "gstreamer",
        ),
        need(
            Run,
            Elements("videoparsersbad", &["h264parse"]),
            "frames H.264",
            BAD,
            "gstreamer",
        ),
        need(
            Run,
            Elements("codectimestamper", &["h264timestamper"]),
            "mends RTSP stamps",
            BAD,
            "gstreamer",
        ),
        need(
            Run,
            Elements("libav", &["avdec_aac", "avenc_aac"]),
            "decodes and encodes AAC",
            &["gstreamer1.0-libav"],
            "gstreamer",
        ),
        need(
            Run,
            Elements("x264", &["x264enc"]),
            "makes the test picture",
            UGLY,
            "gstreamer",
        ),
        need(
            Run,
            Program(&["espeak-ng"]),
            "makes the test speech",
            &["espeak-ng"],
            "espeak-ng",
        ),
        need(
            Test,
            Program(&["gst-launch-1.0"]),
            "publishes and reads",
            &["gstreamer1.0-tools"],
            "gstreamer",
        ),
        need(Test, Program(&["ffmpeg"]), "publishes and reads", &["ffmpeg"], "ffmpeg"),
        need(Test, Program(&["ffprobe"]), "looks at streams", &["ffmpeg"], "ffmpeg"),
        need(
            Test,
            Program(&["faketime"]),
            "steps the clock",
            &["faketime"],
            "libfaketime",
        ),
        need(
            Pages,
            Program(CHROMIUM),
            "opens the web pages",
            &["chromium"],
            "--cask chromium",
        ),
        need(
            Chain,
            Program(&["pocketsphinx_continuous"]),
            "recognises English",
            &["pocketsphinx", "pocketsphinx-en-us"],
            "",
        ),
        need(
            Chain,
            Program(&["/usr/share/apertium/modes/eng-spa.mode"]),
            "translates English into Spanish",
            &["apertium", "apertium-eng-spa"],
            "",
        ),
        need(
            Cloud,
            Python("ensurepip"),
            "installs what stands in for a cloud",
            &["python3", "python3-venv"],
            "python",
        ),
    ]
};

const BASE: &[&str] = &["gstreamer1.0-plugins-base"];
const GOOD: &[&str] = &["gstreamer1.0-plugins-good"];
const BAD: &[&str] = &["gstreamer1.0-plugins-bad"];
const UGLY: &[&str] = &["gstreamer1.0-plugins-ugly"];

impl Need {
    /// Its name for a reader.
    pub(crate) fn name(&self) -> String {
        match self.probe {
            Probe::Program(names) => names.first().copied().unwrap_or_default().to_owned(),
            Probe::Module(module, version) => format!("{module} >= {version}"),
            Probe::Python(module) => format!("{module} of python3"),
            Probe::Elements(_, elements) => elements.join(", "),
        }
    }

    /// Where or in which version it was found, or what was found instead.
    pub(crate) fn find(&self) -> Result<String, String> {
        match self.probe {
            Probe::Program(names) => names
                .iter()
                .find_map(|name| on_path(name))
                .map(|path| path.display().to_string())
                .ok_or_else(|| "not on the PATH".to_owned()),
            Probe::Module(module, version) => find_module(module, version),
            Probe::Python(module) => output(Command::new("python3").args(["--version"]))
                .filter(|_| succeeds(Command::new("python3").args(["-c", &format!("import {module}")])))
                .ok_or_else(|| "not there".to_owned()),
            Probe::Elements(plugin, elements) => find_elements(plugin, elements),
        }
    }
}

/// The needs of `scope` that are not met; tests need what running needs as well.
pub(crate) fn missing(scope: Scope) -> Vec<&'static Need> {
    let counts = |need: &&Need| need.scope == scope || (scope == Scope::Test && need.scope == Scope::Run);
    NEEDS
        .iter()
        .filter(counts)
        .filter(|need| need.find().is_err())
        .collect()
}

/// The full path of a program on the PATH.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    if Path::new(name).is_absolute() {
        return Path::new(name).is_file().then(|| PathBuf::from(name));
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

/// The Chromium that the tests drive.
pub(crate) fn chromium() -> Option<PathBuf> {
    CHROMIUM.iter().find_map(|name| on_path(name))
}

fn find_module(module: &str, version: &str) -> Result<String, String> {
    let found = output(Command::new("pkg-config").args(["--modversion", module]))
        .ok_or_else(|| "unknown to pkg-config".to_owned())?;
    match succeeds(
        Command::new("pkg-config")
            .arg(format!("--atleast-version={version}"))
            .arg(module),
    ) {
        true => Ok(found),
        false => Err(format!("{found}, which is too old")),
    }
}

/// By its plugin's file where GStreamer is in its usual place; else GStreamer is asked, which knows every other place.
fn find_elements(plugin: &str, elements: &[&str]) -> Result<String, String> {
    let dir = output(Command::new("pkg-config").args(["--variable=pluginsdir", "gstreamer-1.0"]));
    let file = dir
        .into_iter()
        .flat_map(|dir| ["so", "dylib"].map(|suffix| Path::new(&dir).join(format!("libgst{plugin}.{suffix}"))));
    if let Some(file) = file.into_iter().find(|file| file.is_file()) {
        return Ok(file.display().to_string());
    }
    let absent: Vec<&str> = elements
        .iter()
        .copied()
        .filter(|element| !succeeds(Command::new("gst-inspect-1.0").args(["--exists", element])))
        .collect();
    match absent.is_empty() {
        true => Ok("known to gst-inspect-1.0".to_owned()),
        false => Err(format!("no {}", absent.join(", "))),
    }
}

fn output(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

/// Whether it can be run and ends well; what it says is not wanted.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_by_name_and_by_path() {
        let shell = on_path("sh").expect("every machine has a shell");
        assert_eq!(on_path(shell.to_str().unwrap()), Some(shell));
        assert_eq!(on_path("no-such-program-anywhere"), None);
    }

    #[test]
    fn what_is_absent_is_said() {
        let absent = need(Scope::Run, Probe::Program(&["no-such-program"]), "", &[], "");
        assert_eq!(absent.find(), Err("not on the PATH".to_owned()));
        assert!(find_module("no-such-module", "1").is_err());
        assert!(
            find_elements("no-such-plugin", &["nosuchelement"])
                .unwrap_err()
                .contains("nosuchelement")
        );
    }

    #[test]
    fn every_need_says_how_to_get_it() {
        for need in NEEDS {
            assert!(
                !need.apt.is_empty()
                    && (!need.brew.is_empty() || need.scope == Scope::Chain)
                    && !need.reason.is_empty(),
                "{}",
                need.name()
            );
        }
    }
}
