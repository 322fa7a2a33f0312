//! Audio frames: a header of 24 bytes, little endian, then PCM s16le mono. The table is in the crate's documentation.

use bytes::{BufMut, Bytes, BytesMut};

use crate::{TargetId, UtteranceId, limits};

/// Length of the header.
pub const HEADER_BYTES: usize = 24;

/// Whose sound it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// From the client.
    Source,
    /// From the server.
    Dub,
}

/// What is special about a frame; bits of later versions are kept and mean nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags(pub u16);

impl Flags {
    /// Nothing special.
    pub const NONE: Self = Self(0);
    /// First frame of a dub or of a connection's source.
    pub const FIRST: Self = Self(1);
    /// Last frame of a dub.
    pub const LAST: Self = Self(2);
    /// Does not follow the previous frame: pts anchors a new run.
    pub const DISCONTINUITY: Self = Self(4);

    /// Whether all bits of `other` are set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// These bits and those.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// `other` if `on`, else unchanged.
    #[must_use]
    pub const fn with_if(self, on: bool, other: Self) -> Self {
        if on { self.with(other) } else { self }
    }

    /// Bits that this version does not know.
    pub const fn unknown(self) -> u16 {
        self.0 & !(Self::FIRST.0 | Self::LAST.0 | Self::DISCONTINUITY.0)
    }
}

/// PCM s16le mono as it lies in the message: cloning and slicing copy nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pcm(Bytes);

impl Pcm {
    /// Takes bytes as samples; `None` for an odd number of them.
    pub fn from_bytes(bytes: Bytes) -> Option<Self> {
        bytes.len().is_multiple_of(2).then_some(Self(bytes))
    }

    /// Copies samples into bytes.
    pub fn from_samples(samples: &[i16]) -> Self {
        let mut bytes = BytesMut::with_capacity(samples.len() * 2);
        for sample in samples {
            bytes.put_i16_le(*sample);
        }
        Self(bytes.freeze())
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.0.len() / 2
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The samples in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = i16> + '_ {
        self.0.as_chunks::<2>().0.iter().map(|pair| i16::from_le_bytes(*pair))
    }

    /// All samples from the `from`th on, without a copy; empty past the end.
    #[must_use]
    pub fn skip(&self, from: usize) -> Self {
        Self(self.0.slice((from * 2).min(self.0.len())..))
    }

    /// The first `count` samples, or all, without a copy.
    #[must_use]
    pub fn take(&self, count: usize) -> Self {
        Self(self.0.slice(..(count * 2).min(self.0.len())))
    }

    /// The bytes as they lie.
    pub fn as_bytes(&self) -> &Bytes {
        &self.0
    }
}

/// One binary message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioFrame {
    /// Whose sound.
    pub kind: Kind,
    /// [`TargetId::SOURCE`] for source.
    pub target: TargetId,
    /// What is special.
    pub flags: Flags,
    /// Which utterance is dubbed; 0 for source.
    pub utterance: UtteranceId,
    /// Counts frames per kind and connection.
    pub seq: u32,
    /// Source: media time in nanoseconds; dub: offset in samples from the dub's start.
    pub pts: i64,
    /// The sound.
    pub pcm: Pcm,
}

/// Why a binary message is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Shorter than a header.
    #[error("frame of {len} bytes is shorter than its header of {HEADER_BYTES}")]
    Short {
        /// Its length.
        len: usize,
    },
    /// Neither source nor dub.
    #[error("unknown kind {0}")]
    Kind(u8),
    /// Source with a target, or dub without one.
    #[error("target {target} does not fit the kind")]
    Target {
        /// What it has.
        target: u8,
    },
    /// The header tells another length than the message has.
    #[error("{samples} samples announced, {bytes} bytes follow")]
    Length {
        /// As announced.
        samples: u32,
        /// As found.
        bytes: usize,
    },
    /// Over the limit.
    #[error("{samples} samples, at most {} are allowed", limits::MAX_FRAME_SAMPLES)]
    Long {
        /// As announced.
        samples: u32,
    },
    /// No samples, and not the last frame of a dub.
    #[error("frame without samples")]
    Empty,
    /// Out of range, or negative for a dub.
    #[error("pts {0} is out of range")]
    Pts(i64),
}

impl AudioFrame {
    /// A frame of the client.
    pub fn source(seq: u32, pts_ns: i64, flags: Flags, pcm: Pcm) -> Self {
        Self {
            kind: Kind::Source,
            target: TargetId::SOURCE,
            flags,
            utterance: UtteranceId(0),
            seq,
            pts: pts_ns,
            pcm,
        }
    }

    /// Reads a binary message; the PCM stays where it is.
    pub fn decode(message: Bytes) -> Result<Self, FrameError> {
        let Some((header, rest)) = message.split_first_chunk::<HEADER_BYTES>() else {
            return Err(FrameError::Short { len: message.len() });
        };
        let [
            k,
            target,
            f0,
            f1,
            u0,
            u1,
            u2,
            u3,
            q0,
            q1,
            q2,
            q3,
            n0,
            n1,
            n2,
            n3,
            p @ ..,
        ] = *header;
        let samples = u32::from_le_bytes([n0, n1, n2, n3]);
        let bytes = rest.len();
        let flags = Flags(u16::from_le_bytes([f0, f1]));
        let pts = i64::from_le_bytes(p);
        let kind = match k {
            1 => Kind::Source,
            2 => Kind::Dub,
            other => return Err(FrameError::Kind(other)),
        };
        if (kind == Kind::Source) != (TargetId(target) == TargetId::SOURCE) {
            return Err(FrameError::Target { target });
        }
        if samples > limits::MAX_FRAME_SAMPLES {
            return Err(FrameError::Long { samples });
        }
        if samples as usize * 2 != bytes {
            return Err(FrameError::Length { samples, bytes });
        }
        if samples == 0 && !(kind == Kind::Dub && flags.contains(Flags::LAST)) {
            return Err(FrameError::Empty);
        }
        let lowest = if kind == Kind::Dub { 0 } else { -limits::MAX_ABS_NS };
        if !(lowest..=limits::MAX_ABS_NS).contains(&pts) {
            return Err(FrameError::Pts(pts));
        }
        Ok(Self {
            kind,
            target: TargetId(target),
            flags,
            utterance: UtteranceId(u32::from_le_bytes([u0, u1, u2, u3])),
            seq: u32::from_le_bytes([q0, q1, q2, q3]),
            pts,
            pcm: Pcm(message.slice(HEADER_BYTES..)),
        })
    }

    /// Writes a binary message.
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(HEADER_BYTES + self.pcm.0.len());
        out.put_u8(match self.kind {
            Kind::Source => 1,
            Kind::Dub => 2,
        });
        out.put_u8(self.target.0);
        out.put_u16_le(self.flags.0);
        out.put_u32_le(self.utterance.0);
        out.put_u32_le(self.seq);
        out.put_u32_le(u32::try_from(self.pcm.len()).unwrap_or(u32::MAX));
        out.put_i64_le(self.pts);
        out.extend_from_slice(&self.pcm.0);
        out.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Vec<u8> {
        AudioFrame::source(7, 1_000, Flags::FIRST, Pcm::from_samples(&[1, -2, 300]))
            .encode()
            .to_vec()
    }

    fn broken(change: fn(&mut Vec<u8>)) -> FrameError {
        let mut bytes = good();
        change(&mut bytes);
        AudioFrame::decode(bytes.into()).unwrap_err()
    }

    #[test]
    fn bytes_are_as_the_table_says() {
        let bytes = good();
        assert_eq!(bytes[..8], [1, 255, 1, 0, 0, 0, 0, 0]);
        assert_eq!(bytes[8..16], [7, 0, 0, 0, 3, 0, 0, 0]);
        assert_eq!(bytes[16..], [0xe8, 3, 0, 0, 0, 0, 0, 0, 1, 0, 0xfe, 0xff, 0x2c, 1]);
    }

    #[test]
    fn each_malformed_frame_has_its_error() {
        assert_eq!(broken(|b| b.truncate(23)), FrameError::Short { len: 23 });
        assert_eq!(broken(|b| b[0] = 3), FrameError::Kind(3));
        assert_eq!(broken(|b| b[1] = 0), FrameError::Target { target: 0 });
        assert_eq!(broken(|b| b[0] = 2), FrameError::Target { target: 255 });
        assert_eq!(broken(|b| b.push(0)), FrameError::Length { samples: 3, bytes: 7 });
        assert_eq!(broken(|b| b[12] = 4), FrameError::Length { samples: 4, bytes: 6 });
        assert_eq!(broken(|b| b[15] = 255), FrameError::Long { samples: 0xff00_0003 });
        assert_eq!(
            broken(|b| {
                b[12] = 0;
                b.truncate(24)
            }),
            FrameError::Empty
        );
        assert_eq!(broken(|b| b[23] = 0x7f), FrameError::Pts(0x7f00_0000_0000_03e8));
        assert_eq!(
            broken(|b| {
                b[0] = 2;
                b[1] = 0;
                b[23] = 0xff
            }),
            FrameError::Pts(-0x00ff_ffff_ffff_fc18)
        );
    }

    #[test]
    fn pcm_slices_share_the_message() {
        let pcm = AudioFrame::decode(good().into()).unwrap().pcm;
        assert_eq!(pcm.iter().collect::<Vec<_>>(), [1, -2, 300]);
        assert_eq!(pcm.skip(1).take(1).iter().collect::<Vec<_>>(), [-2]);
        assert!(pcm.skip(9).is_empty());
        assert!(Pcm::from_bytes(Bytes::from_static(b"odd")).is_none());
        assert_eq!(pcm.skip(1).as_bytes().as_ptr(), pcm.as_bytes()[2..].as_ptr());
    }

    #[test]
    fn later_flags_are_kept_and_mean_nothing() {
        let mut bytes = good();
        bytes[3] = 0x80;
        let frame = AudioFrame::decode(bytes.into()).unwrap();
        assert!(frame.flags.contains(Flags::FIRST) && !frame.flags.contains(Flags::DISCONTINUITY));
        assert_eq!(frame.flags.unknown(), 0x8000);
    }
}
