//! Messages made by hand: small, each recognisable.

use bytes::Bytes;

/// x264's for 1920x1080, High, level 4.
const SPS: [u8; 27] = [
    0x67, 0x64, 0x00, 0x28, 0xac, 0xd9, 0x40, 0x78, 0x02, 0x27, 0xe5, 0xc0, 0x44, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00,
    0x00, 0x03, 0x00, 0xf0, 0x3c, 0x60, 0xc6, 0x58,
];

pub(crate) fn avc_header() -> Bytes {
    let mut body = vec![0x17, 0, 0, 0, 0, 1, 0x64, 0, 0x28, 0xff, 0xe1, 0, 27];
    body.extend(SPS);
    body.extend([1, 0, 4, 0x68, 0xeb, 0xe3, 0xcb]);
    body.into()
}

/// AAC LC, 48 kHz, stereo.
pub(crate) fn aac_header() -> Bytes {
    Bytes::from_static(&[0xaf, 0, 0x11, 0x90])
}

pub(crate) fn keyframe(size: usize) -> Bytes {
    picture(0x17, 0x65, size)
}

pub(crate) fn inter(size: usize) -> Bytes {
    picture(0x27, 0x41, size)
}

pub(crate) fn sound(mark: u8) -> Bytes {
    Bytes::from(vec![0xaf, 1, 0x21, mark])
}

fn picture(flags: u8, nal: u8, size: usize) -> Bytes {
    let mut body = vec![flags, 1, 0, 0, 0];
    body.extend(u32::try_from(size).unwrap().to_be_bytes());
    body.push(nal);
    body.resize(9 + size, 0x5a);
    body.into()
}

/// Enhanced RTMP: HEVC's sequence start and a keyframe.
pub(crate) fn hevc() -> [Bytes; 2] {
    [
        Bytes::from_static(b"\x90hvc1\x01\x01\x60\x00"),
        Bytes::from_static(b"\x91hvc1\x00\x00\x00\x00\x00\x00\x02\x26\x01"),
    ]
}
