//! What a track is: its name as MediaMTX writes it, and what its decoder configuration says.

use serde::Serialize;
use serde_json::{Value, json};

/// One track of a stream, in the shape of an item of MediaMTX's `tracks2`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Track {
    /// `H264`, `MPEG-4 Audio`, `H265`, ...
    pub(crate) codec: &'static str,
    /// What the decoder configuration says; `null` where there is none or it is not understood.
    #[serde(rename = "codecProps")]
    pub(crate) props: Value,
}

impl Track {
    /// A track of which only the codec is known.
    pub(crate) fn named(codec: &'static str) -> Track {
        Track {
            codec,
            props: Value::Null,
        }
    }

    /// H.264 from an `AVCDecoderConfigurationRecord`.
    pub(crate) fn h264(config: &[u8]) -> Track {
        let props = first_sps(config).and_then(sps).map(|sps| {
            json!({
                "width": sps.width,
                "height": sps.height,
                "profile": profile_name(sps.profile),
                "level": level_name(sps.level),
            })
        });
        Track {
            codec: "H264",
            props: props.unwrap_or_default(),
        }
    }

    /// AAC from an `AudioSpecificConfig`.
    pub(crate) fn mpeg4_audio(config: &[u8]) -> Track {
        let props = audio_specific_config(config)
            .map(|(rate, channels)| json!({ "sampleRate": rate, "channelCount": channels }));
        Track {
            codec: "MPEG-4 Audio",
            props: props.unwrap_or_default(),
        }
    }
}

/// How many bytes precede each NAL unit, by an `AVCDecoderConfigurationRecord`.
pub(crate) fn nal_length_size(config: &[u8]) -> usize {
    config.get(4).map_or(4, |byte| usize::from(byte & 3) + 1)
}

/// Whether an access unit of length-prefixed NAL units holds an IDR slice. Without a configuration, which alone says how
/// long a prefix is (`length_size` is 0 then), there is nothing to find.
pub(crate) fn has_idr(mut unit: &[u8], length_size: usize) -> bool {
    if length_size == 0 {
        return false;
    }
    while unit.len() > length_size {
        let (prefix, rest) = unit.split_at(length_size);
        let length = prefix
            .iter()
            .fold(0_usize, |length, byte| length << 8 | usize::from(*byte));
        if rest.first().is_some_and(|header| header & 0x1f == 5) {
            return true;
        }
        let Some(next) = rest.get(length..) else { return false };
        unit = next;
    }
    false
}

fn first_sps(config: &[u8]) -> Option<&[u8]> {
    let count = config.get(5)? & 0x1f;
    let length = usize::from(u16::from_be_bytes([*config.get(6)?, *config.get(7)?]));
    (count > 0).then(|| config.get(8..8 + length)).flatten()
}

struct Sps {
    profile: u8,
    level: u8,
    width: u32,
    height: u32,
}

/// Reads a sequence parameter set (ITU-T H.264, 7.3.2.1.1) as far as the size of the picture.
fn sps(nal: &[u8]) -> Option<Sps> {
    let payload = without_emulation_prevention(nal.get(1..)?);
    let (profile, level) = (*payload.first()?, *payload.get(2)?);
    let mut bits = Bits::new(payload.get(3..)?);
    bits.ue()?;
    let mut chroma = 1;
    if matches!(
        profile,
        100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135
    ) {
        chroma = bits.ue()?;
        if chroma == 3 {
            bits.take(1)?;
        }
        bits.ue()?;
        bits.ue()?;
        bits.take(1)?;
        if bits.take(1)? == 1 {
            for list in 0..if chroma == 3 { 12 } else { 8 } {
                if bits.take(1)? == 1 {
                    skip_scaling_list(&mut bits, if list < 6 { 16 } else { 64 })?;
                }
            }
        }
    }
    bits.ue()?;
    match bits.ue()? {
        0 => {
            bits.ue()?;
        }
        1 => {
            bits.take(1)?;
            bits.se()?;
            bits.se()?;
            for _ in 0..bits.ue()?.min(255) {
                bits.se()?;
            }
        }
        _ => {}
    }
    bits.ue()?;
    bits.take(1)?;
    let width = bits.ue()?.checked_add(1)?.checked_mul(16)?;
    let map_units = bits.ue()?.checked_add(1)?;
    let frames_only = bits.take(1)?;
    if frames_only == 0 {
        bits.take(1)?;
    }
    let height = map_units.checked_mul(16)?.checked_mul(2 - frames_only)?;
    bits.take(1)?;
    let mut crop = [0; 4];
    if bits.take(1)? == 1 {
        for side in &mut crop {
            *side = bits.ue()?;
        }
    }
    let unit_x = if matches!(chroma, 1 | 2) { 2 } else { 1 };
    let unit_y = if chroma == 1 { 2 } else { 1 } * (2 - frames_only);
    let [left, right, top, bottom] = crop;
    Some(Sps {
        profile,
        level,
        width: width.checked_sub(left.checked_add(right)?.checked_mul(unit_x)?)?,
        height: height.checked_sub(top.checked_add(bottom)?.checked_mul(unit_y)?)?,
    })
}

fn skip_scaling_list(bits: &mut Bits<'_>, size: u32) -> Option<()> {
    let (mut last, mut next) = (8_i32, 8_i32);
    for _ in 0..size {
        if next != 0 {
            next = last.wrapping_add(bits.se()?).rem_euclid(256);
        }
        if next != 0 {
            last = next;
        }
    }
    Some(())
}

fn without_emulation_prevention(nal: &[u8]) -> Vec<u8> {
    let mut zeros = 0;
    let mut payload = Vec::with_capacity(nal.len());
    for &byte in nal {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        payload.push(byte);
    }
    payload
}

fn profile_name(profile: u8) -> String {
    match profile {
        66 => "Baseline".into(),
        77 => "Main".into(),
        88 => "Extended".into(),
        100 => "High".into(),
        110 => "High 10".into(),
        122 => "High 4:2:2".into(),
        244 => "High 4:4:4 Predictive".into(),
        other => other.to_string(),
    }
}

fn level_name(level: u8) -> String {
    match (level / 10, level % 10) {
        (major, 0) => major.to_string(),
        (major, minor) => format!("{major}.{minor}"),
    }
}

/// Sample rate and channel count of an `AudioSpecificConfig` (ISO/IEC 14496-3, 1.6.2.1).
fn audio_specific_config(config: &[u8]) -> Option<(u32, u32)> {
    const RATES: [u32; 13] = [
        96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350,
    ];
    let mut bits = Bits::new(config);
    if bits.take(5)? == 31 {
        bits.take(6)?;
    }
    let rate = match bits.take(4)? {
        15 => bits.take(24)?,
        index => *RATES.get(index as usize)?,
    };
    let channels = match bits.take(4)? {
        7 => 8,
        channels => channels,
    };
    Some((rate, channels))
}

/// Reads single bits and Exp-Golomb codes, most significant bit first.
struct Bits<'a> {
    data: &'a [u8],
    position: usize,
}

impl<'a> Bits<'a> {
    fn new(data: &'a [u8]) -> Bits<'a> {
        Bits { data, position: 0 }
    }

    fn take(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            let byte = *self.data.get(self.position / 8)?;
            value = value << 1 | u32::from(byte >> (7 - self.position % 8) & 1);
            self.position += 1;
        }
        Some(value)
    }

    fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.take(1)? == 0 {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        ((1_u32 << zeros) - 1).checked_add(self.take(zeros)?)
    }

    fn se(&mut self) -> Option<i32> {
        let code = self.ue()?;
        let magnitude = i32::try_from(code.div_ceil(2)).ok()?;
        Some(if code % 2 == 0 { -magnitude } else { magnitude })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn record(sps: &[u8]) -> Vec<u8> {
        let mut record = vec![1, sps[1], sps[2], sps[3], 0xff, 0xe1];
        record.extend(u16::try_from(sps.len()).unwrap().to_be_bytes());
        record.extend(sps);
        record
    }

    #[test]
    fn reads_a_cropped_high_profile_picture() {
        // x264, 1920x1080, High, level 4.
        let sps = [
            0x67, 0x64, 0x00, 0x28, 0xac, 0xd9, 0x40, 0x78, 0x02, 0x27, 0xe5, 0xc0, 0x44, 0x00, 0x00, 0x03, 0x00, 0x04,
            0x00, 0x00, 0x03, 0x00, 0xf0, 0x3c, 0x60, 0xc6, 0x58,
        ];
        let props = Track::h264(&record(&sps)).props;
        assert_eq!(
            props,
            json!({"width": 1920, "height": 1080, "profile": "High", "level": "4"})
        );
    }

    #[test]
    fn reads_audio_configurations() {
        let props = |config: &[u8]| Track::mpeg4_audio(config).props;
        assert_eq!(props(&[0x11, 0x90]), json!({"sampleRate": 48000, "channelCount": 2}));
        assert_eq!(props(&[0x12, 0x08]), json!({"sampleRate": 44100, "channelCount": 1}));
        assert_eq!(props(&[0x12]), Value::Null);
    }

    #[test]
    fn finds_the_idr_behind_other_units() {
        let unit = [0, 0, 0, 2, 0x06, 0x05, 0, 0, 0, 3, 0x65, 0x88, 0x80];
        assert!(has_idr(&unit, 4));
        assert!(!has_idr(&[0, 0, 0, 2, 0x41, 0x9a], 4));
        assert!(!has_idr(&[0xff, 0xff, 0xff, 0xff, 0x06], 4));
    }

    #[test]
    fn a_picture_before_its_configuration_is_no_keyframe() {
        assert!(!has_idr(&[0, 0, 0, 2, 0x06, 0x05], 0));
        assert!(!has_idr(&[0x65, 0x88], 0));
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(bytes in proptest::collection::vec(any::<u8>(), 0..80), size in 0_usize..5) {
            Track::h264(&bytes);
            Track::h264(&record(&[&[0x67, 100, 0, 30], bytes.as_slice()].concat()));
            Track::mpeg4_audio(&bytes);
            has_idr(&bytes, size);
        }
    }
}
