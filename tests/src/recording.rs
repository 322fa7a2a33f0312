//! Readers: what a viewer gets of a stream, decoded sound and the coded picture, while it comes.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::material::{RATE, from_bytes};

/// A running reader and what it wrote so far.
#[derive(Debug)]
pub struct Recording {
    child: Child,
    dir: TempDir,
    url: String,
}

const LOG: &str = "reader.log";
/// A mix of two equal channels would be louder than each.
const LEFT: &str = "pan=mono|c0=c0";

impl Recording {
    /// ffmpeg reads the stream: sound decoded to mono, pictures copied.
    pub fn ffmpeg(url: &str) -> Result<Self> {
        Self::ffmpeg_tracks(url, true)
    }

    /// ffmpeg reads a stream that has sound only, or of which only the sound matters.
    pub fn ffmpeg_sound(url: &str) -> Result<Self> {
        Self::ffmpeg_tracks(url, false)
    }

    /// ffmpeg reads the stream and copies it, with its time stamps, into a file.
    pub fn ffmpeg_stamped(url: &str) -> Result<Self> {
        let dir = tempfile::tempdir().context("cannot make a directory")?;
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "warning", "-copyts", "-i", url]);
        command.args([
            "-map",
            "0:v",
            "-map",
            "0:a",
            "-c",
            "copy",
            "-flush_packets",
            "1",
            "-f",
            "matroska",
        ]);
        command.arg(dir.path().join("stamped.mkv"));
        command.args([
            "-map",
            "0:a",
            "-af",
            LEFT,
            "-ar",
            &RATE.to_string(),
            "-flush_packets",
            "1",
            "-f",
            "f32le",
        ]);
        command.arg(dir.path().join("sound"));
        Self::start(command, dir, url)
    }

    /// The file of [`Recording::ffmpeg_stamped`].
    pub fn stamped(&self) -> PathBuf {
        self.dir.path().join("stamped.mkv")
    }

    fn ffmpeg_tracks(url: &str, video: bool) -> Result<Self> {
        let dir = tempfile::tempdir().context("cannot make a directory")?;
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "warning", "-i", url]);
        command.args([
            "-map",
            "0:a",
            "-af",
            LEFT,
            "-ar",
            &RATE.to_string(),
            "-flush_packets",
            "1",
            "-f",
            "f32le",
        ]);
        command.arg(dir.path().join("sound"));
        if video {
            command.args(["-map", "0:v", "-c:v", "copy", "-flush_packets", "1", "-f", "h264"]);
            command.arg(dir.path().join("picture"));
        }
        Self::start(command, dir, url)
    }

    /// GStreamer reads the stream: sound decoded to mono, pictures copied.
    pub fn gstreamer(url: &str) -> Result<Self> {
        let dir = tempfile::tempdir().context("cannot make a directory")?;
        let mut command = Command::new("gst-launch-1.0");
        command
            .args(["-q", "rtmp2src"])
            .arg(format!("location={url}"))
            .args(["!", "flvdemux", "name=d"])
            .args([
                "d.audio",
                "!",
                "queue",
                "!",
                "aacparse",
                "!",
                "avdec_aac",
                "!",
                "audioconvert",
                "!",
                "audioresample",
                "!",
            ])
            .arg(format!("audio/x-raw,format=F32LE,channels=1,rate={RATE}"))
            .args(["!", "filesink", "async=false", "buffer-mode=unbuffered"])
            .arg(format!("location={}", dir.path().join("sound").display()))
            .args([
                "d.video",
                "!",
                "queue",
                "!",
                "h264parse",
                "!",
                "video/x-h264,stream-format=byte-stream,alignment=au",
            ])
            .args(["!", "filesink", "async=false", "buffer-mode=unbuffered"])
            .arg(format!("location={}", dir.path().join("picture").display()));
        Self::start(command, dir, url)
    }

    fn start(mut command: Command, dir: TempDir, url: &str) -> Result<Self> {
        let log = std::fs::File::create(dir.path().join(LOG)).context("cannot write the reader's log")?;
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        let child = child.with_context(|| format!("cannot run {}", command.get_program().display()))?;
        Ok(Self {
            child,
            dir,
            url: url.to_owned(),
        })
    }

    /// The sound so far.
    pub fn sound(&self) -> Vec<f32> {
        from_bytes(&std::fs::read(self.dir.path().join("sound")).unwrap_or_default())
    }

    /// The seconds of sound so far.
    pub fn seconds(&self) -> f64 {
        let bytes = std::fs::metadata(self.dir.path().join("sound")).map_or(0, |file| file.len());
        bytes as f64 / 4.0 / f64::from(RATE)
    }

    /// Where the pictures so far are: an H.264 byte stream.
    pub fn picture(&self) -> PathBuf {
        self.dir.path().join("picture")
    }

    /// Fails, with what it said, when it ended.
    pub fn check(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait().context("cannot ask for the reader")? {
            bail!("the reader of {} ended with {status}: {}", self.url, self.log());
        }
        Ok(())
    }

    /// Whether it has ended: its stream is over.
    pub fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// What it said.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join(LOG)).unwrap_or_default()
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
