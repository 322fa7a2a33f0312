//! FLV tag bodies, as RTMP carries them: H.264 (codec 7) and AAC (sound format 10).

use bytes::{BufMut, Bytes, BytesMut};

const KEY_FRAME: u8 = 0x10;
const INTER_FRAME: u8 = 0x20;
const AVC: u8 = 7;
const AUDIO_TAG: u8 = 8;
const VIDEO_TAG: u8 = 9;
const CONFIGURATION: u8 = 0;
const UNIT: u8 = 1;
/// AAC, 44 kHz, 16 bit, stereo: the values that the specification demands whatever the stream really is.
const AAC: u8 = 0xAF;

/// The body of a video tag with one access unit; `composition_ms` is PTS minus DTS.
pub(crate) fn picture(avc: &[u8], is_key: bool, composition_ms: i32) -> Bytes {
    let mut body = BytesMut::with_capacity(5 + avc.len());
    body.put_u8(if is_key { KEY_FRAME } else { INTER_FRAME } | AVC);
    body.put_u8(UNIT);
    body.put_slice(&composition_ms.to_be_bytes()[1..]);
    body.put_slice(avc);
    body.freeze()
}

/// The body of a video tag with the decoder configuration (`avcC`).
pub(crate) fn picture_header(avcc: &[u8]) -> Bytes {
    let mut body = BytesMut::with_capacity(5 + avcc.len());
    body.put_slice(&[KEY_FRAME | AVC, CONFIGURATION, 0, 0, 0]);
    body.put_slice(avcc);
    body.freeze()
}

/// What a tag carries beside configuration and metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TagKind {
    /// An access unit.
    Picture,
    /// Sound.
    Sound,
}

/// What a whole tag carries, and its time in milliseconds; none for configuration, metadata and what is no tag.
pub(crate) fn tag_of(tag: &[u8]) -> Option<(TagKind, u32)> {
    let &[kind, _, _, _, t2, t1, t0, t3, _, _, _, format, packet] = tag.first_chunk()?;
    let kind = match kind {
        VIDEO_TAG if packet != CONFIGURATION => TagKind::Picture,
        AUDIO_TAG if format != AAC || packet != CONFIGURATION => TagKind::Sound,
        _ => return None,
    };
    Some((kind, u32::from_be_bytes([t3, t2, t1, t0])))
}

/// What an FLV file begins with. It promises neither sound nor picture: what comes is what there is.
pub(crate) const HEAD: [u8; 13] = *b"FLV\x01\0\0\0\0\x09\0\0\0\0";

/// A whole tag out of its body, with its length behind it as a file has it.
pub(crate) fn tag(kind: TagKind, at_ms: u32, body: &[u8]) -> Vec<u8> {
    let mut tag = Vec::with_capacity(HEAD.len() + 11 + body.len() + 4);
    tag.put_u8(match kind {
        TagKind::Picture => VIDEO_TAG,
        TagKind::Sound => AUDIO_TAG,
    });
    tag.put_uint(body.len() as u64, 3);
    tag.put_uint(u64::from(at_ms & 0xFF_FFFF), 3);
    tag.put_u8((at_ms >> 24) as u8);
    tag.put_uint(0, 3);
    tag.put_slice(body);
    tag.put_u32(body.len() as u32 + 11);
    tag
}

/// The body of an audio tag with one raw AAC frame.
pub(crate) fn sound(frame: &[u8]) -> Bytes {
    sound_tag(UNIT, frame)
}

/// The body of an audio tag with the AudioSpecificConfig.
pub(crate) fn sound_header(config: &[u8]) -> Bytes {
    sound_tag(CONFIGURATION, config)
}

fn sound_tag(kind: u8, payload: &[u8]) -> Bytes {
    let mut body = BytesMut::with_capacity(2 + payload.len());
    body.put_slice(&[AAC, kind]);
    body.put_slice(payload);
    body.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn composition_time_is_signed_and_24_bit() {
        assert_eq!(picture(&[9], true, 66)[..], [0x17, 1, 0, 0, 66, 9]);
        assert_eq!(picture(&[9], false, -2)[..], [0x27, 1, 0xFF, 0xFF, 0xFE, 9]);
    }

    #[test]
    fn a_tag_says_what_it_carries_and_when() {
        use TagKind::{Picture, Sound};
        let at_ms = 0x0102_0304;
        assert_eq!(
            tag(Sound, at_ms, &[0xAF, 1, 7]),
            [8, 0, 0, 3, 2, 3, 4, 1, 0, 0, 0, 0xAF, 1, 7, 0, 0, 0, 14]
        );
        assert_eq!(
            tag_of(&tag(Picture, at_ms, &picture(&[1], false, 0))),
            Some((Picture, at_ms))
        );
        assert_eq!(tag_of(&tag(Picture, at_ms, &picture_header(&[1, 100]))), None);
        assert_eq!(tag_of(&tag(Sound, at_ms, &sound(&[7]))), Some((Sound, at_ms)));
        assert_eq!(tag_of(&tag(Sound, at_ms, &sound_header(&[0x11, 0x90]))), None);
        assert_eq!(tag_of(&[18, 0, 0, 3, 2, 3, 4, 1, 0, 0, 0, 2, 0, 10, 0, 0, 0, 14]), None);
        assert_eq!(tag_of(b"FLV"), None);
    }

    #[test]
    fn headers_are_marked() {
        assert_eq!(picture_header(&[1, 100])[..], [0x17, 0, 0, 0, 0, 1, 100]);
        assert_eq!(sound_header(&[0x11, 0x90])[..], [0xAF, 0, 0x11, 0x90]);
        assert_eq!(sound(&[7])[..], [0xAF, 1, 7]);
    }
}
