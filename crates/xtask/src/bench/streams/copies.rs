//! The floor: what merely copies a stream from one path to another, with nothing held, dubbed or watched.

use std::process::Command;

/// What copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Copier {
    Ffmpeg,
    GStreamer,
}

impl Copier {
    pub(super) const ALL: [Self; 2] = [Self::Ffmpeg, Self::GStreamer];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ffmpeg => "ffmpeg -c copy",
            Self::GStreamer => "GStreamer copy",
        }
    }

    /// Copies the stream at one URL to another.
    pub(super) fn command(self, from: &str, to: &str) -> Command {
        match self {
            Self::Ffmpeg => {
                let mut command = Command::new("ffmpeg");
                command.args(["-v", "error", "-nostdin", "-i", from, "-c", "copy", "-f", "flv", to]);
                command
            }
            Self::GStreamer => {
                let mut command = Command::new("gst-launch-1.0");
                command
                    .args(["-q", "flvmux", "name=mux", "streamable=true", "latency=100000000", "!"])
                    .args(["rtmp2sink", &format!("location={to}"), "sync=false", "async=false"])
                    .args(["rtmp2src", &format!("location={from}"), "!", "flvdemux", "name=demux"])
                    .args(["demux.video", "!", "queue", "!", "h264parse", "!", "mux.video"])
                    .args(["demux.audio", "!", "queue", "!", "aacparse", "!", "mux.audio"]);
                command
            }
        }
    }
}
