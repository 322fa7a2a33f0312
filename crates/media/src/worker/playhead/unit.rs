//! What goes through a playhead.

use bytes::Bytes;
use dragoman_timeline::{Clock, Pts, Timed};

/// Sample rate of the bed and the programme.
pub(crate) const RATE: u32 = 48_000;
/// Samples in one block, which is one AAC frame.
pub(crate) const BLOCK: usize = 1024;

/// One frame of stereo sound.
pub(crate) type Frame = [f32; 2];

/// One access unit, ready to be sent: FLV's video tag body does not change on its way through.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Picture {
    /// Source stamp on the way in, media time on the way out.
    pub(crate) dts: Pts,
    /// FLV video tag body: frame type, codec, composition time, NAL units with lengths.
    pub(crate) body: Bytes,
    /// A decoder can start here.
    pub(crate) is_key: bool,
    /// When it came in.
    pub(crate) arrival: Clock,
    /// FLV video tag body with the decoder configuration, where it changes with this unit.
    pub(crate) header: Option<Bytes>,
}

impl Timed for Picture {
    fn at(&self) -> Pts {
        self.dts
    }
    fn size(&self) -> usize {
        self.body.len()
    }
}

/// A block of decoded sound.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sound {
    /// Source stamp of its first frame.
    pub(crate) pts: Pts,
    /// Its frames at [`RATE`].
    pub(crate) frames: Vec<Frame>,
    /// When it came in.
    pub(crate) arrival: Clock,
}

/// What leaves.
#[derive(Debug, PartialEq)]
pub(crate) enum Leaving {
    /// An access unit.
    Picture(Picture),
    /// [`BLOCK`] frames of bed are in the caller's buffer; the first has this number.
    Sound {
        /// Number of the first frame on the media timeline.
        at: i64,
        /// Frames that never came and are silence.
        missing: usize,
    },
}

/// What has come in and was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) video_units: u64,
    pub(crate) audio_samples: u64,
    pub(crate) dropped_units: u64,
    pub(crate) silence_samples: u64,
}
