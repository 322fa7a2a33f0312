//! FLV tag bodies, as RTMP carries them: H.264 (codec 7) and AAC (sound format 10).

use bytes::{BufMut, Bytes, BytesMut};

const KEY_FRAME: u8 = 0x10;
const INTER_FRAME: u8 = 0x20;
const AVC: u8 = 7;
const VIDEO_TAG: u8 = 9;
const TAG_HEADER: usize = 11;
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

/// The body of a whole video tag, if it has the decoder configuration.
pub(crate) fn picture_header_of(tag: &[u8]) -> Option<Bytes> {
    let size = match tag {
        [VIDEO_TAG, a, b, c, ..] => usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c),
        _ => return None,
    };
    let body = tag.get(TAG_HEADER..TAG_HEADER + size)?;
    let is_configuration = matches!(body, [format, CONFIGURATION, ..] if *format == KEY_FRAME | AVC);
    is_configuration.then(|| Bytes::copy_from_slice(body))
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
    fn only_a_whole_configuration_tag_has_one() {
        let tag = |body: &[u8]| [&[9, 0, 0, body.len() as u8, 0, 0, 0, 0, 0, 0, 0], body, &[0; 4]].concat();
        let header = picture_header(&[1, 100, 0, 31]);
        assert_eq!(picture_header_of(&tag(&header)), Some(header.clone()));
        assert_eq!(picture_header_of(&tag(&header)[..16]), None);
        assert_eq!(picture_header_of(&tag(&picture(&[1], true, 0))), None);
        assert_eq!(picture_header_of(&tag(&[0x1C, 0, 0])), None);
        assert_eq!(picture_header_of(b"FLV"), None);
    }

    #[test]
    fn headers_are_marked() {
        assert_eq!(picture_header(&[1, 100])[..], [0x17, 0, 0, 0, 0, 1, 100]);
        assert_eq!(sound_header(&[0x11, 0x90])[..], [0xAF, 0, 0x11, 0x90]);
        assert_eq!(sound(&[7])[..], [0xAF, 1, 7]);
    }
}
