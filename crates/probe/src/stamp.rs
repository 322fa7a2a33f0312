//! Pure: what the publisher writes into every access unit and what a reader finds there.
//!
//! Two SEI messages: type 5 with our UUID says which frame this is and when it was captured, in hexadecimal letters so
//! that no byte of it needs emulation prevention; type 4 is shaped as ATSC A/53 captions (CEA-608) and differs from frame
//! to frame, so that a caption which is lost, repeated or moved to another frame shows.

use sha2::{Digest, Sha256};

use crate::nal;

/// SEI payload type of captions.
pub const REGISTERED_T35: u32 = 4;
/// SEI payload type of our stamp.
pub const UNREGISTERED: u32 = 5;

const UUID: [u8; 16] = *b"\x5d\xa7\xc1\x3e\x91\x4b\x4f\x6a\xb8\x62\xd7\x29\x8e\x53\xf4\x1c";
const LETTERS: usize = 8 + 4 * 16 + 1;

/// Which frame an access unit holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Drawn anew by each publisher process: frames of two runs are never taken for each other.
    pub run: u32,
    /// Counts the publisher's access units, from 0.
    pub frame: u64,
    /// When the frame was captured, on the machine's monotonic clock.
    pub captured_ns: u64,
    /// The frame's place on the publisher's media timeline; ticks sound at its whole seconds.
    pub media_ns: u64,
    /// When the publisher's first frame, a keyframe, was captured.
    pub first_ns: u64,
    /// Whether the sound has ticks.
    pub ticks: bool,
}

impl Stamp {
    /// The SEI NAL unit that carries the stamp.
    #[must_use]
    pub fn nal(&self) -> Vec<u8> {
        let mut payload = UUID.to_vec();
        let text = format!(
            "{:08x}{:016x}{:016x}{:016x}{:016x}{}",
            self.run,
            self.frame,
            self.captured_ns,
            self.media_ns,
            self.first_ns,
            u8::from(self.ticks)
        );
        payload.extend_from_slice(text.as_bytes());
        nal::sei_nal(UNREGISTERED, &payload)
    }

    fn parse(payload: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(payload.strip_prefix(&UUID)?).ok()?;
        if text.len() != LETTERS {
            return None;
        }
        let number = |from: usize, letters: usize| u64::from_str_radix(text.get(from..from + letters)?, 16).ok();
        Some(Self {
            run: number(0, 8)? as u32,
            frame: number(8, 16)?,
            captured_ns: number(24, 16)?,
            media_ns: number(40, 16)?,
            first_ns: number(56, 16)?,
            ticks: number(72, 1)? == 1,
        })
    }
}

/// A caption for one frame: ATSC A/53 part 4 user data with two CEA-608 letters.
#[must_use]
pub fn caption_nal(frame: u64) -> Vec<u8> {
    const TEXT: &[u8] = b"DRAGOMAN TEST CAPTION ";
    let number = format!("{frame:06} ");
    let place = (frame * 2) as usize;
    let letter = |at: usize| match at % (TEXT.len() + number.len()) {
        n if n < TEXT.len() => TEXT[n],
        n => number.as_bytes()[n - TEXT.len()],
    };
    let mut payload = vec![0xb5, 0x00, 0x31];
    payload.extend_from_slice(b"GA94");
    // cc_data: processed, two entries; the second one is padding of field 2.
    payload.extend_from_slice(&[0x03, 0x42, 0xff]);
    payload.extend_from_slice(&[0xfc, odd_parity(letter(place)), odd_parity(letter(place + 1))]);
    payload.extend_from_slice(&[0xf9, 0x80, 0x80, 0xff]);
    nal::sei_nal(REGISTERED_T35, &payload)
}

fn odd_parity(letter: u8) -> u8 {
    let letter = letter & 0x7f;
    if letter.count_ones().is_multiple_of(2) {
        letter | 0x80
    } else {
        letter
    }
}

/// What a reader keeps of an access unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// The publisher's stamp, where there is one.
    pub stamp: Option<Stamp>,
    /// Hash of the slice NAL units (types 1 to 5) in order.
    pub slices: [u8; 32],
    /// Hash of the SEI messages of types 4 and 5 in order, however they are spread over NAL units.
    pub sei: [u8; 32],
    /// How many captions (SEI type 4) there are.
    pub captions: u32,
    /// Whether it can be decoded without what came before.
    pub key: bool,
    /// Its size.
    pub bytes: usize,
}

impl Unit {
    /// Reads an access unit.
    pub fn read(unit: &[u8], length_size: usize) -> Result<Self, nal::Malformed> {
        let (mut slices, mut sei) = (Sha256::new(), Sha256::new());
        let (mut stamp, mut captions, mut key) = (None, 0, false);
        for nal in nal::split(unit, length_size)? {
            if nal::is_slice(nal) {
                key |= nal::kind(nal) == nal::IDR;
                slices.update((nal.len() as u64).to_be_bytes());
                slices.update(nal);
            }
            for (payload_type, payload) in nal::sei_messages(nal) {
                if payload_type == UNREGISTERED {
                    // A recording of a stamped stream can be published again: the stamp nearest to the slices counts.
                    stamp = Stamp::parse(&payload).or(stamp);
                } else if payload_type == REGISTERED_T35 {
                    captions += 1;
                } else {
                    continue;
                }
                sei.update(payload_type.to_be_bytes());
                sei.update((payload.len() as u64).to_be_bytes());
                sei.update(&payload);
            }
        }
        Ok(Self {
            stamp,
            slices: slices.finalize().into(),
            sei: sei.finalize().into(),
            captions,
            key,
            bytes: unit.len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(frame: u64) -> Stamp {
        Stamp {
            run: 7,
            frame,
            captured_ns: 1 << 40,
            media_ns: frame * 33_333_333,
            first_ns: 12,
            ticks: true,
        }
    }

    fn unit(nals: &[Vec<u8>]) -> Unit {
        Unit::read(&nal::join(nals, 4), 4).unwrap()
    }

    #[test]
    fn a_stamp_is_read_as_it_was_written_without_emulation_prevention() {
        let nal = stamp(90).nal();
        assert!(!nal.windows(2).any(|two| two == [0, 0]));
        let found = unit(&[nal, vec![0x65, 1, 2]]);
        assert_eq!(found.stamp, Some(stamp(90)));
        assert!(found.key);
    }

    #[test]
    fn a_changed_slice_changes_its_hash_only() {
        let a = unit(&[stamp(1).nal(), caption_nal(1), vec![0x41, 1, 2, 3]]);
        let b = unit(&[stamp(1).nal(), caption_nal(1), vec![0x41, 1, 2, 4]]);
        assert_ne!(a.slices, b.slices);
        assert_eq!(a.sei, b.sei);
    }

    #[test]
    fn a_lost_or_foreign_caption_changes_the_sei_hash_only() {
        let whole = unit(&[stamp(1).nal(), caption_nal(1), vec![0x41, 1]]);
        let lost = unit(&[stamp(1).nal(), vec![0x41, 1]]);
        let other = unit(&[stamp(1).nal(), caption_nal(2), vec![0x41, 1]]);
        assert_eq!((whole.captions, lost.captions), (1, 0));
        assert_ne!(whole.sei, lost.sei);
        assert_ne!(whole.sei, other.sei);
        assert_eq!(whole.slices, lost.slices);
    }

    #[test]
    fn parameter_sets_and_delimiters_do_not_count() {
        let plain = unit(&[stamp(1).nal(), vec![0x65, 1]]);
        let dressed = unit(&[
            vec![0x09, 0xf0],
            vec![0x67, 1],
            vec![0x68, 1],
            stamp(1).nal(),
            vec![0x65, 1],
        ]);
        assert_eq!((plain.slices, plain.sei), (dressed.slices, dressed.sei));
    }

    #[test]
    fn caption_letters_have_odd_parity() {
        for frame in 0..100 {
            let payload = nal::sei_messages(&caption_nal(frame)).remove(0).1;
            assert_eq!(&payload[3..7], b"GA94");
            assert!(payload[11..13].iter().all(|letter| letter.count_ones() % 2 == 1));
        }
    }
}
