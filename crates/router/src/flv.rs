//! The media messages of RTMP, which are the bodies of FLV tags: what one is, and how it is framed in an FLV file.

use bytes::{BufMut, Bytes, BytesMut};

use crate::codec::{self, Track};

/// How the data message begins that tells readers size, rates and the like.
pub(crate) const ON_METADATA: &[u8] = b"\x02\x00\x0aonMetaData";

/// Which of the three kinds of tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Tag and message type 8.
    Audio,
    /// Tag and message type 9.
    Video,
    /// Tag and message type 18: AMF0, `onMetaData` above all.
    Data,
}

impl Kind {
    /// The type number of the message and of the tag.
    pub(crate) fn number(self) -> u8 {
        match self {
            Kind::Audio => 8,
            Kind::Video => 9,
            Kind::Data => 18,
        }
    }
}

/// One message on its way from the publisher to the readers. Cloning it does not copy the media.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Message {
    /// What it carries.
    pub(crate) kind: Kind,
    /// Milliseconds, exactly as the publisher wrote them.
    pub(crate) stamp: u32,
    /// The body of the tag.
    pub(crate) body: Bytes,
}

/// What a message means to the hub.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Role {
    /// Configures the decoder of the track that it announces; readers need it first.
    Header(Track),
    /// A picture that a reader can start with.
    Keyframe,
    /// A picture that needs earlier ones.
    Picture,
    /// Sound, and its track where the message itself names it.
    Sound(Option<Track>),
    /// Pictures or sound that a reader of plain FLV does not understand: named, not relayed.
    Foreign(Track),
    /// Metadata and the like.
    Data,
    /// Nothing that a reader needs: end of sequence, seek commands, what cannot be read.
    Ignored,
}

/// Says what a message is. `nal_length_size` is that of the current H.264 configuration.
pub(crate) fn classify(kind: Kind, body: &[u8], nal_length_size: usize) -> Role {
    match kind {
        Kind::Audio => audio(body),
        Kind::Video => video(body, nal_length_size),
        Kind::Data => Role::Data,
    }
}

fn video(body: &[u8], nal_length_size: usize) -> Role {
    let Some(&first) = body.first() else {
        return Role::Ignored;
    };
    if first & 0x80 != 0 {
        return enhanced_video(first, body.get(1..).unwrap_or_default());
    }
    let frame_type = first >> 4;
    if frame_type == 5 {
        return Role::Ignored;
    }
    match (first & 0x0f, body.get(1)) {
        (7, Some(0)) => Role::Header(Track::h264(body.get(5..).unwrap_or_default())),
        (7, Some(1)) => match body.get(5..) {
            Some(unit) if frame_type == 1 && codec::has_idr(unit, nal_length_size) => Role::Keyframe,
            _ => Role::Picture,
        },
        (7, _) => Role::Ignored,
        // Number 12 is what encoders used for HEVC before enhanced RTMP gave it a name.
        (12, _) => Role::Foreign(Track::named("H265")),
        (2, _) => Role::Foreign(Track::named("H263")),
        (4 | 5, _) => Role::Foreign(Track::named("VP6")),
        _ => Role::Foreign(Track::named("Generic")),
    }
}

/// Enhanced RTMP: the low nibble is a packet type and a FourCC names the codec.
fn enhanced_video(first: u8, rest: &[u8]) -> Role {
    const METADATA: u8 = 4;
    if first & 0x0f == METADATA {
        return Role::Ignored;
    }
    let codec = match rest.get(..4) {
        Some(b"hvc1") => "H265",
        Some(b"av01") => "AV1",
        Some(b"vp09") => "VP9",
        Some(b"vp08") => "VP8",
        Some(b"avc1") => "H264",
        _ => "Generic",
    };
    Role::Foreign(Track::named(codec))
}

fn audio(body: &[u8]) -> Role {
    let Some(&first) = body.first() else {
        return Role::Ignored;
    };
    match (first >> 4, body.get(1)) {
        (10, Some(0)) => Role::Header(Track::mpeg4_audio(body.get(2..).unwrap_or_default())),
        (10, Some(_)) => Role::Sound(None),
        (10, None) => Role::Ignored,
        (9, _) => enhanced_audio(body.get(1..).unwrap_or_default()),
        (format, _) => Role::Sound(Some(Track::named(match format {
            2 | 14 => "MPEG-1/2 Audio",
            0 | 3 => "LPCM",
            7 | 8 => "G711",
            11 => "Speex",
            _ => "Generic",
        }))),
    }
}

fn enhanced_audio(rest: &[u8]) -> Role {
    let codec = match rest.get(..4) {
        Some(b"Opus") => "Opus",
        Some(b"fLaC") => "FLAC",
        Some(b"ac-3") => "AC3",
        Some(b".mp3") => "MPEG-1/2 Audio",
        Some(b"mp4a") => "MPEG-4 Audio",
        _ => "Generic",
    };
    Role::Foreign(Track::named(codec))
}

/// The first 13 bytes of an FLV file.
pub(crate) fn file_header(audio: bool, video: bool) -> Bytes {
    let flags = u8::from(audio) << 2 | u8::from(video);
    Bytes::copy_from_slice(&[b'F', b'L', b'V', 1, flags, 0, 0, 0, 9, 0, 0, 0, 0])
}

/// A message as a tag of an FLV file.
pub(crate) fn tag(message: &Message) -> Bytes {
    const HEADER: usize = 11;
    let length = u32::try_from(message.body.len()).unwrap_or(u32::MAX) & 0x00ff_ffff;
    let mut tag = BytesMut::with_capacity(HEADER + message.body.len() + 4);
    tag.put_u8(message.kind.number());
    tag.put_uint(length.into(), 3);
    tag.put_uint(u64::from(message.stamp & 0x00ff_ffff), 3);
    tag.put_u8((message.stamp >> 24) as u8);
    tag.put_uint(0, 3);
    tag.extend_from_slice(&message.body);
    tag.put_u32(length + HEADER as u32);
    tag.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_messages_are_told_apart() {
        let video = |body: &[u8]| classify(Kind::Video, body, 4);
        assert!(matches!(video(&[0x17, 0, 0, 0, 0]), Role::Header(_)));
        assert_eq!(video(&[0x17, 1, 0, 0, 0, 0, 0, 0, 2, 0x65, 0x88]), Role::Keyframe);
        assert_eq!(
            video(&[0x17, 1, 0, 0, 0, 0, 0, 0, 2, 0x41, 0x9a]),
            Role::Picture,
            "no IDR slice in it"
        );
        assert_eq!(video(&[0x27, 1, 0, 0, 0, 0, 0, 0, 2, 0x41, 0x9a]), Role::Picture);
        assert_eq!(video(&[0x17, 2, 0, 0, 0]), Role::Ignored);
        assert_eq!(video(&[0x57, 0]), Role::Ignored);
        assert_eq!(video(&[]), Role::Ignored);
        assert!(matches!(
            classify(Kind::Audio, &[0xaf, 0, 0x11, 0x90], 4),
            Role::Header(_)
        ));
        assert_eq!(classify(Kind::Audio, &[0xaf, 1, 0x21], 4), Role::Sound(None));
        assert_eq!(
            classify(Kind::Audio, &[0x2f, 0xff], 4),
            Role::Sound(Some(Track::named("MPEG-1/2 Audio")))
        );
    }

    #[test]
    fn enhanced_messages_are_named_and_kept_from_plain_readers() {
        let named = |kind, body: &[u8]| match classify(kind, body, 4) {
            Role::Foreign(track) => track.codec,
            other => panic!("{other:?}"),
        };
        assert_eq!(named(Kind::Video, b"\x90hvc1\x01"), "H265");
        assert_eq!(named(Kind::Video, b"\xa1av01...."), "AV1");
        assert_eq!(named(Kind::Audio, b"\x90Opus"), "Opus");
        assert_eq!(named(Kind::Video, b"\x1c\x00\x00\x00\x00"), "H265");
    }

    #[test]
    fn a_tag_holds_stamps_beyond_24_bits() {
        let message = Message {
            kind: Kind::Audio,
            stamp: 0x0123_4567,
            body: Bytes::from_static(&[0xaf, 1]),
        };
        let expected = [8, 0, 0, 2, 0x23, 0x45, 0x67, 0x01, 0, 0, 0, 0xaf, 1, 0, 0, 0, 13];
        assert_eq!(tag(&message).as_ref(), expected);
    }
}
