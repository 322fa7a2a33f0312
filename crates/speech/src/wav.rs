//! WAV in any usual form to mono, and mono to WAV.

use std::io::{Seek, Write};

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

/// A mono sound.
pub(crate) struct Wav {
    pub(crate) samples: Vec<i16>,
    pub(crate) rate: u32,
}

/// Why a body is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WavError {
    /// Longer than allowed.
    #[error("the sound is longer than allowed")]
    Long,
    /// Not a WAV that we read.
    #[error("not a usable WAV: {0}")]
    Bad(String),
}

/// Reads a WAV of at most `max_seconds`; channels are averaged.
pub(crate) fn read(body: &[u8], max_seconds: usize) -> Result<Wav, WavError> {
    let bad = |error: hound::Error| WavError::Bad(error.to_string());
    let mut reader = WavReader::new(body).map_err(bad)?;
    let WavSpec {
        channels,
        sample_rate,
        bits_per_sample,
        sample_format,
    } = reader.spec();
    if !(8_000..=192_000).contains(&sample_rate) || !(1..=8).contains(&channels) {
        return Err(WavError::Bad(format!(
            "{channels} channels at {sample_rate} Hz; 1 to 8 at 8000 to 192000 are read"
        )));
    }
    if reader.duration() as usize > max_seconds * sample_rate as usize {
        return Err(WavError::Long);
    }
    let interleaved: Vec<f32> = match sample_format {
        SampleFormat::Float => reader.samples::<f32>().collect::<Result<_, _>>().map_err(bad)?,
        SampleFormat::Int => {
            let scale = 1.0 / (1_u64 << (bits_per_sample.clamp(1, 32) - 1)) as f32;
            let samples: Result<Vec<i32>, _> = reader.samples::<i32>().collect();
            samples
                .map_err(bad)?
                .into_iter()
                .map(|sample| sample as f32 * scale)
                .collect()
        }
    };
    let mono = |frame: &[f32]| {
        let mean = frame.iter().sum::<f32>() / frame.len() as f32;
        // Not a number becomes silence.
        (mean * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16
    };
    let samples = interleaved.chunks_exact(usize::from(channels)).map(mono).collect();
    Ok(Wav {
        samples,
        rate: sample_rate,
    })
}

/// Writes 16 bits mono.
pub(crate) fn write(out: impl Write + Seek, samples: &[i16], rate: u32) -> hound::Result<()> {
    let spec = WavSpec {
        channels: 1,
        sample_rate: rate,
        bits_per_sample: 16,
        sample_format: SampleFormat::Int,
    };
    let mut writer = WavWriter::new(out, spec)?;
    for sample in samples {
        writer.write_sample(*sample)?;
    }
    writer.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    #[test]
    fn mono_survives() {
        let mut file = Cursor::new(Vec::new());
        write(&mut file, &[0, 1, -1, i16::MAX, i16::MIN], 22_050).unwrap();
        let wav = read(file.get_ref(), 1).unwrap();
        assert_eq!((wav.samples, wav.rate), (vec![0, 1, -1, i16::MAX, i16::MIN], 22_050));
    }

    #[test]
    fn stereo_float_becomes_mono() {
        let spec = WavSpec {
            channels: 2,
            sample_rate: 48_000,
            bits_per_sample: 32,
            sample_format: SampleFormat::Float,
        };
        let mut file = Cursor::new(Vec::new());
        let mut writer = WavWriter::new(&mut file, spec).unwrap();
        for sample in [0.5f32, 0.0, f32::NAN, 0.0, 2.0, 2.0] {
            writer.write_sample(sample).unwrap();
        }
        writer.finalize().unwrap();
        assert_eq!(read(file.get_ref(), 1).unwrap().samples, [8192, 0, 32_767]);
    }

    #[test]
    fn what_is_no_wav_is_refused() {
        assert!(matches!(read(b"", 1), Err(WavError::Bad(_))));
        assert!(matches!(read(b"RIFF....WAVEfmt ", 1), Err(WavError::Bad(_))));
        let mut file = Cursor::new(Vec::new());
        write(&mut file, &[0; 8_001], 8_000).unwrap();
        assert!(matches!(read(file.get_ref(), 1), Err(WavError::Long)));
    }
}
