//! Publishers: a file as a live source, sent by ffmpeg or by GStreamer.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

/// A running publisher; dropping it kills it, as when a cable is pulled.
#[derive(Debug)]
pub struct Publisher(Child);

impl Publisher {
    /// ffmpeg sends the file once, in real time, as it is.
    pub fn ffmpeg(file: &Path, url: &str) -> Result<Self> {
        Self::ffmpeg_with(&[], file, &[], url)
    }

    /// The same with more arguments for the input and the output.
    pub fn ffmpeg_with(input: &[&str], file: &Path, output: &[&str], url: &str) -> Result<Self> {
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-re"]).args(input).arg("-i").arg(file);
        command.args(["-c", "copy"]).args(output).args(["-f", "flv", url]);
        Self::start(&mut command)
    }

    /// GStreamer sends the file once, in real time, as it is.
    pub fn gstreamer(file: &Path, url: &str) -> Result<Self> {
        let mut command = Command::new("gst-launch-1.0");
        command
            .args(["-q", "filesrc"])
            .arg(format!("location={}", file.display()))
            .args(["!", "qtdemux", "name=d"])
            .args([
                "flvmux",
                "name=m",
                "streamable=true",
                "!",
                "identity",
                "sync=true",
                "!",
                "rtmp2sink",
            ])
            .arg(format!("location={url}"))
            .args([
                "d.video_0",
                "!",
                "queue",
                "max-size-time=0",
                "max-size-bytes=0",
                "max-size-buffers=0",
            ])
            .args(["!", "h264parse", "!", "m."])
            .args([
                "d.audio_0",
                "!",
                "queue",
                "max-size-time=0",
                "max-size-bytes=0",
                "max-size-buffers=0",
            ])
            .args(["!", "aacparse", "!", "m."]);
        Self::start(&mut command)
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Whether it has ended by itself: its file is over, or it was sent away.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }

    fn start(command: &mut Command) -> Result<Self> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        Ok(Self(child.with_context(|| {
            format!("cannot run {}", command.get_program().display())
        })?))
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
