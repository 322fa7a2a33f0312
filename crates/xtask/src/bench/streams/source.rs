//! The files that are published: encoded once, so that a publisher costs no more than a copy.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::stack;

/// Longer than any step: no publisher comes to the end, where a loop may shift its sound.
const SECONDS: u32 = 90;
const TEXT: &str = "The committee met again on Monday morning and agreed that every member should bring a written report. \
                    It speaks of the harbour, of the railway, and of the northern bridge. The next meeting is in a month.";

/// Size and rate of the pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// 1280x720, 30 a second, 2.5 Mb/s
    #[value(name = "720p30")]
    P720,
    /// 1920x1080, 30 a second, 5 Mb/s
    #[value(name = "1080p30")]
    P1080,
}

impl Format {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::P720 => "720p30",
            Self::P1080 => "1080p30",
        }
    }

    fn size(self) -> &'static str {
        match self {
            Self::P720 => "1280x720",
            Self::P1080 => "1920x1080",
        }
    }

    fn bit_rate(self) -> &'static str {
        match self {
            Self::P720 => "2500k",
            Self::P1080 => "5000k",
        }
    }
}

/// The file of a format, made when it is not there yet.
pub(super) fn file(format: Format) -> Result<PathBuf> {
    let dir = stack::bin_dir()?.join("bench");
    std::fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let file = dir.join(format!("{}.mp4", format.name()));
    if !file.is_file() {
        make(format, &dir, &file)?;
    }
    Ok(file)
}

fn make(format: Format, dir: &Path, file: &Path) -> Result<()> {
    eprintln!("making {}, once", file.display());
    let speech = dir.join("speech.wav");
    run(Command::new("espeak-ng")
        .args(["-v", "en", "-s", "150", "-w"])
        .arg(&speech)
        .arg(TEXT))?;
    // Named as it will be only when it is whole.
    let part = dir.join("part.mp4");
    let pictures = format!("testsrc2=size={}:rate=30", format.size());
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg
        .args(["-v", "error", "-nostdin", "-y", "-f", "lavfi", "-i", &pictures])
        .args(["-stream_loop", "-1", "-i"])
        .arg(&speech)
        .args(["-f", "lavfi", "-i", "anoisesrc=amplitude=0.01:sample_rate=48000"])
        .args([
            "-filter_complex",
            "[1:a]aresample=48000[s];[s][2:a]amix=inputs=2:normalize=0,pan=stereo|c0=c0|c1=c0[a]",
        ])
        .args(["-map", "0:v", "-map", "[a]", "-t", &SECONDS.to_string()])
        .args([
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-tune",
            "zerolatency",
            "-pix_fmt",
            "yuv420p",
        ])
        .args([
            "-g",
            "30",
            "-bf",
            "0",
            "-b:v",
            format.bit_rate(),
            "-maxrate",
            format.bit_rate(),
            "-bufsize",
            "2500k",
        ])
        .args(["-c:a", "aac", "-b:a", "128k"])
        .arg(&part);
    run(&mut ffmpeg)?;
    std::fs::rename(&part, file).with_context(|| format!("cannot write {}", file.display()))
}

fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let out = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {program}"))?;
    if !out.status.success() {
        bail!(
            "{program} ended with {}: {}",
            out.status,
            String::from_utf8_lossy(&out.stderr)
        );
    }
    Ok(())
}

/// Sends a file as a live source.
pub(super) fn publish(file: &Path, url: &str) -> Command {
    let mut command = Command::new("ffmpeg");
    command
        .args(["-v", "error", "-nostdin", "-re", "-stream_loop", "-1", "-i"])
        .arg(file)
        .args(["-c", "copy", "-f", "flv", url]);
    command
}
