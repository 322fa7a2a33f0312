//! FLV tag bodies, as RTMP carries them: H.264 (codec 7) and AAC (sound format 10).

use bytes::{BufMut, Bytes, BytesMut};

const KEY_FRAME: u8 = 0x10;
const INTER_FRAME: u8 = 0x20;
const AVC: u8 = 7;
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
    fn headers_are_marked() {
        assert_eq!(picture_header(&[1, 100])[..], [0x17, 0, 0, 0, 0, 1, 100]);
        assert_eq!(sound_header(&[0x11, 0x90])[..], [0xAF, 0, 0x11, 0x90]);
        assert_eq!(sound(&[7])[..], [0xAF, 1, 7]);
    }
}
