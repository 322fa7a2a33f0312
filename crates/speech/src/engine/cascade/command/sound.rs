//! The sound that a program writes: a WAV, recognised by its first bytes, or bare samples. It is decoded as it comes.

use super::super::DUB_RATE;
use crate::resample::Resampler;

/// Longest header that is looked through for the `data` chunk.
const MOST_HEADER: usize = 64 * 1024;

/// Decodes to mono at [`DUB_RATE`].
pub(super) struct Sound {
    /// Rate of bare samples.
    bare_rate: u32,
    /// Bytes that do not make a whole header or sample yet.
    rest: Vec<u8>,
    format: Option<Format>,
}

struct Format {
    channels: usize,
    resampler: Option<Resampler>,
    /// Bytes of sound that are still to come; a program that writes into a pipe cannot say.
    left: Option<usize>,
}

impl Sound {
    pub(super) fn new(bare_rate: u32) -> Self {
        Self {
            bare_rate,
            rest: Vec::new(),
            format: None,
        }
    }

    /// Takes bytes and appends the samples that they make.
    pub(super) fn push(&mut self, bytes: &[u8], out: &mut Vec<i16>) -> Result<(), String> {
        self.rest.extend_from_slice(bytes);
        if self.format.is_none() {
            let is_wav = self.rest.iter().zip(b"RIFF").all(|(a, b)| a == b);
            if is_wav {
                let Some((format, header)) = header(&self.rest)? else {
                    return Ok(());
                };
                self.format = Some(format);
                self.rest.drain(..header);
            } else {
                self.format = Some(Format::new(1, self.bare_rate, None)?);
            }
        }
        let Some(format) = &mut self.format else { return Ok(()) };
        let frame = 2 * format.channels;
        let mut take = self.rest.len() / frame * frame;
        if let Some(left) = &mut format.left {
            take = take.min(*left / frame * frame);
            *left -= take;
            if *left < frame {
                // Chunks behind the sound.
                self.rest.truncate(take);
            }
        }
        let samples: Vec<i16> = self.rest[..take]
            .chunks_exact(frame)
            .map(|frame| {
                let sum: i32 = frame
                    .chunks_exact(2)
                    .map(|s| i32::from(i16::from_le_bytes([s[0], s[1]])))
                    .sum();
                (sum / format.channels as i32) as i16
            })
            .collect();
        self.rest.drain(..take);
        match &mut format.resampler {
            Some(resampler) => resampler.push(&samples, out),
            None => out.extend(samples),
        }
        Ok(())
    }

    /// That was all: appends the rest.
    pub(super) fn finish(&mut self, out: &mut Vec<i16>) -> Result<(), String> {
        match &mut self.format {
            Some(Format {
                resampler: Some(resampler),
                ..
            }) => resampler.finish(out),
            Some(_) => {}
            None if self.rest.is_empty() => {}
            None => return Err("a WAV without sound".into()),
        }
        Ok(())
    }
}

impl Format {
    fn new(channels: usize, rate: u32, left: Option<usize>) -> Result<Self, String> {
        let resampler = (rate != DUB_RATE)
            .then(|| Resampler::new(rate, DUB_RATE))
            .transpose()
            .map_err(|error| error.to_string())?;
        Ok(Self {
            channels,
            resampler,
            left,
        })
    }
}

/// A WAV's format and the length of what stands before its samples; nothing while it is not all there.
fn header(bytes: &[u8]) -> Result<Option<(Format, usize)>, String> {
    let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let half = |at: usize| Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    if bytes.len() > MOST_HEADER {
        return Err("a WAV without samples".into());
    }
    if bytes.get(8..12).is_some_and(|kind| kind != b"WAVE") {
        return Err("a RIFF file that is no WAV".into());
    }
    let mut at = 12;
    let mut found = None;
    while let (Some(name), Some(len)) = (bytes.get(at..at + 4), word(at + 4)) {
        let body = at + 8;
        match name {
            b"fmt " => {
                let (Some(kind), Some(channels), Some(rate), Some(bits)) =
                    (half(body), half(body + 2), word(body + 4), half(body + 14))
                else {
                    return Ok(None);
                };
                // 0xfffe: the extensible form, whose samples are the same.
                if !matches!(kind, 1 | 0xfffe) || bits != 16 || !(1..=8).contains(&channels) {
                    return Err(format!(
                        "a WAV of format {kind} with {bits} bits and {channels} channels, not 16-bit PCM"
                    ));
                }
                found = Some((usize::from(channels), rate));
            }
            b"data" => {
                let Some((channels, rate)) = found else {
                    return Err("a WAV whose samples come before their format".into());
                };
                // Programs that write into a pipe put a length of 0 or of about 2 or 4 GiB there.
                let left = (1..0x7fff_0000).contains(&len).then_some(len as usize);
                return Ok(Some((Format::new(channels, rate, left)?, body)));
            }
            _ => {}
        }
        at = body.saturating_add(len as usize).saturating_add(len as usize % 2);
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wav(samples: &[i16], rate: u32, channels: u16, said: u32) -> Vec<u8> {
        let mut out = b"RIFF\0\0\0\0WAVE".to_vec();
        out.extend(b"LIST\x03\0\0\0abc\0fmt \x10\0\0\0\x01\0");
        out.extend(channels.to_le_bytes());
        out.extend(rate.to_le_bytes());
        out.extend((rate * 2 * u32::from(channels)).to_le_bytes());
        out.extend((2 * channels).to_le_bytes());
        out.extend(16_u16.to_le_bytes());
        out.extend(b"data");
        out.extend(said.to_le_bytes());
        out.extend(samples.iter().flat_map(|s| s.to_le_bytes()));
        out
    }

    fn decode(bytes: &[u8], chunk: usize) -> Result<Vec<i16>, String> {
        let mut sound = Sound::new(22_050);
        let mut out = Vec::new();
        for part in bytes.chunks(chunk) {
            sound.push(part, &mut out)?;
        }
        sound.finish(&mut out)?;
        Ok(out)
    }

    proptest! {
        /// However the bytes come, the samples are the same.
        #[test]
        fn chunks_make_no_difference(chunk in 1_usize..200, rate in prop::sample::select(vec![24_000, 22_050, 16_000])) {
            let samples: Vec<i16> = (0..500).map(|n| (n * 37 % 2000) as i16).collect();
            let file = wav(&samples, rate, 1, 1000);
            let whole = decode(&file, file.len()).unwrap();
            prop_assert_eq!(&whole, &crate::resample::resample(&samples, rate, DUB_RATE).unwrap());
            prop_assert_eq!(decode(&file, chunk).unwrap(), whole);
        }

        /// Whatever a program writes, it is sound or an error.
        #[test]
        fn garbage_is_no_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), wav in any::<bool>()) {
            if wav {
                bytes.splice(0..0, *b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0");
            }
            let _ = decode(&bytes, 7);
        }
    }

    #[test]
    fn a_length_that_a_pipe_cannot_know_is_not_believed() {
        for said in [0, 0x7fff_f000, u32::MAX] {
            assert_eq!(decode(&wav(&[1, 2, 3], 24_000, 1, said), 5).unwrap(), [1, 2, 3]);
        }
        let mut file = wav(&[1, 2, 3], 24_000, 1, 6);
        file.extend(b"LIST\x04\0\0\0abcd");
        assert_eq!(
            decode(&file, 3).unwrap(),
            [1, 2, 3],
            "what stands behind the sound is not sound"
        );
    }

    #[test]
    fn channels_are_mixed_and_bare_samples_are_taken_at_the_set_rate() {
        assert_eq!(decode(&wav(&[10, 20, -4, 4], 24_000, 2, 0), 3).unwrap(), [15, 0]);
        let bare: Vec<u8> = (0..2_205_i16).flat_map(i16::to_le_bytes).collect();
        assert_eq!(decode(&bare, 100).unwrap().len(), 2_400);
        assert_eq!(decode(b"", 1).unwrap(), Vec::<i16>::new());
    }

    #[test]
    fn what_is_not_16_bit_pcm_is_refused() {
        let mut file = wav(&[1], 24_000, 1, 0);
        let at = file.windows(4).position(|w| w == b"fmt ").unwrap() + 8;
        file[at] = 3;
        assert!(decode(&file, 9).unwrap_err().contains("not 16-bit PCM"));
        assert!(decode(&wav(&[1], 1_234, 1, 0), 9).is_err(), "a rate that nothing has");
    }
}
