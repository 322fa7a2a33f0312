//! Pure: H.264 access units as FLV carries them (NAL units behind a length), and the SEI messages inside.

use std::borrow::Cow;

/// NAL unit type of supplemental enhancement information.
pub const SEI: u8 = 6;
/// NAL unit type of a slice of an IDR picture.
pub const IDR: u8 = 5;

/// An access unit whose lengths do not add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("access unit with NAL lengths that do not add up")
    }
}

impl std::error::Error for Malformed {}

/// The size of the length before each NAL unit, from an `AVCDecoderConfigurationRecord`.
#[must_use]
pub fn length_size(avcc: &[u8]) -> Option<usize> {
    Some(usize::from(avcc.get(4)? & 3) + 1)
}

/// The type of a NAL unit.
#[must_use]
pub fn kind(nal: &[u8]) -> u8 {
    nal.first().map_or(0, |byte| byte & 0x1f)
}

/// Whether a NAL unit is (a part of) a coded picture: types 1 to 5.
#[must_use]
pub fn is_slice(nal: &[u8]) -> bool {
    (1..=IDR).contains(&kind(nal))
}

/// The NAL units of an access unit.
pub fn split(unit: &[u8], length_size: usize) -> Result<Vec<&[u8]>, Malformed> {
    let mut rest = unit;
    let mut nals = Vec::new();
    while !rest.is_empty() {
        let (length, tail) = rest.split_at_checked(length_size).ok_or(Malformed)?;
        let length = length.iter().fold(0usize, |sum, byte| sum << 8 | usize::from(*byte));
        let (nal, tail) = tail.split_at_checked(length).ok_or(Malformed)?;
        if !nal.is_empty() {
            nals.push(nal);
        }
        rest = tail;
    }
    Ok(nals)
}

/// Puts NAL units behind lengths: the reverse of [`split`].
#[must_use]
pub fn join<N: AsRef<[u8]>>(nals: &[N], length_size: usize) -> Vec<u8> {
    let mut unit = Vec::new();
    for nal in nals {
        push(&mut unit, nal.as_ref(), length_size);
    }
    unit
}

/// The access unit with `extra` NAL units before its first slice, where the standard wants SEI to be.
pub fn insert_before_slices(unit: &[u8], length_size: usize, extra: &[Vec<u8>]) -> Result<Vec<u8>, Malformed> {
    let nals = split(unit, length_size)?;
    let mut out = Vec::with_capacity(unit.len() + 256);
    let first = nals.iter().position(|nal| is_slice(nal)).unwrap_or(nals.len());
    for nal in &nals[..first] {
        push(&mut out, nal, length_size);
    }
    for nal in extra {
        push(&mut out, nal, length_size);
    }
    for nal in &nals[first..] {
        push(&mut out, nal, length_size);
    }
    Ok(out)
}

fn push(out: &mut Vec<u8>, nal: &[u8], length_size: usize) {
    let length = (nal.len() as u64).to_be_bytes();
    out.extend_from_slice(&length[length.len() - length_size.min(8)..]);
    out.extend_from_slice(nal);
}

/// The messages of a SEI NAL unit: payload type and payload.
#[must_use]
pub fn sei_messages(nal: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let mut messages = Vec::new();
    if kind(nal) != SEI {
        return messages;
    }
    let rbsp = unescape(&nal[1..]);
    let mut rest = &rbsp[..];
    // At least a type, a size and the trailing bits.
    while rest.len() > 2 {
        let Some((payload_type, tail)) = varying(rest) else {
            break;
        };
        let Some((size, tail)) = varying(tail) else { break };
        let Some((payload, tail)) = tail.split_at_checked(size as usize) else {
            break;
        };
        messages.push((payload_type, payload.to_vec()));
        rest = tail;
    }
    messages
}

/// A SEI NAL unit with one message.
#[must_use]
pub fn sei_nal(payload_type: u32, payload: &[u8]) -> Vec<u8> {
    let mut rbsp = Vec::with_capacity(payload.len() + 8);
    push_varying(&mut rbsp, payload_type);
    push_varying(&mut rbsp, payload.len() as u32);
    rbsp.extend_from_slice(payload);
    rbsp.push(0x80);
    let mut nal = vec![SEI];
    escape_into(&mut nal, &rbsp);
    nal
}

fn varying(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let full = bytes.iter().take_while(|byte| **byte == 0xff).count();
    let last = *bytes.get(full)?;
    Some((full as u32 * 255 + u32::from(last), &bytes[full + 1..]))
}

fn push_varying(out: &mut Vec<u8>, mut value: u32) {
    while value >= 255 {
        out.push(0xff);
        value -= 255;
    }
    out.push(value as u8);
}

/// Removes the emulation prevention bytes.
fn unescape(bytes: &[u8]) -> Cow<'_, [u8]> {
    if !bytes.windows(3).any(|three| three == [0, 0, 3]) {
        return Cow::Borrowed(bytes);
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut zeros = 0;
    for byte in bytes {
        if zeros >= 2 && *byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        out.push(*byte);
    }
    Cow::Owned(out)
}

fn escape_into(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut zeros = 0;
    for byte in bytes {
        if zeros >= 2 && *byte <= 3 {
            out.push(3);
            zeros = 0;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        out.push(*byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_what_it_joined() {
        let nals = [vec![0x09, 0xf0], vec![0x65; 300], vec![0x41, 1, 2]];
        for size in [1, 2, 4] {
            if size == 1 {
                continue; // 300 does not fit.
            }
            let unit = join(&nals, size);
            assert_eq!(
                split(&unit, size).unwrap(),
                nals.iter().map(Vec::as_slice).collect::<Vec<_>>()
            );
        }
    }

    #[test]
    fn a_cut_access_unit_is_malformed() {
        let unit = join(&[vec![0x65; 40]], 4);
        assert_eq!(split(&unit[..30], 4), Err(Malformed));
        assert_eq!(split(&unit[..2], 4), Err(Malformed));
    }

    #[test]
    fn sei_survives_emulation_prevention_and_long_payloads() {
        for payload in [vec![0, 0, 1, 0, 0, 0, 3, 7], vec![0xab; 700], vec![0; 40]] {
            let nal = sei_nal(5, &payload);
            assert!(!nal.windows(3).any(|w| w[0] == 0 && w[1] == 0 && w[2] < 3));
            assert_eq!(sei_messages(&nal), [(5, payload)]);
        }
    }

    #[test]
    fn extra_units_come_before_the_first_slice_and_after_parameter_sets() {
        let unit = join(&[vec![0x67, 1], vec![0x68, 2], vec![0x65, 3], vec![0x65, 4]], 4);
        let stamped = insert_before_slices(&unit, 4, &[vec![0x06, 9]]).unwrap();
        let kinds: Vec<u8> = split(&stamped, 4).unwrap().into_iter().map(kind).collect();
        assert_eq!(kinds, [7, 8, 6, 5, 5]);
    }

    #[test]
    fn length_size_comes_from_the_configuration_record() {
        assert_eq!(length_size(&[1, 0x64, 0, 0x1f, 0xff]), Some(4));
        assert_eq!(length_size(&[1, 0x64, 0, 0x1f, 0xfd]), Some(2));
        assert_eq!(length_size(&[1]), None);
    }
}
