//! The coded pictures of an H.264 stream, to compare what goes in with what comes out.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::material;

/// The slices (NAL unit types 1 to 5) of a file that ffmpeg can open, in order.
pub fn of_file(file: &Path) -> Result<Vec<Vec<u8>>> {
    let stream = material::run(
        Command::new("ffmpeg")
            .args(["-v", "error", "-i"])
            .arg(file)
            .args(["-map", "0:v", "-c", "copy", "-f", "h264", "-"]),
    )?;
    Ok(of_byte_stream(&stream))
}

/// The slices of a recording. The last one may be half written, so it does not count.
pub fn of_recording(file: &Path) -> Result<Vec<Vec<u8>>> {
    let stream = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut slices = of_byte_stream(&stream);
    slices.pop();
    Ok(slices)
}

/// How many slices of `part` there are when they all are a run of `whole` without a hole; nothing when they are not.
pub fn run_within(part: &[Vec<u8>], whole: &[Vec<u8>]) -> Option<usize> {
    let first = part.first()?;
    let starts = whole
        .iter()
        .enumerate()
        .filter(|(_, slice)| *slice == first)
        .map(|(index, _)| index);
    starts
        .map(|start| &whole[start..])
        .find(|rest| rest.starts_with(part))
        .map(|_| part.len())
}

fn of_byte_stream(stream: &[u8]) -> Vec<Vec<u8>> {
    const START: [u8; 3] = [0, 0, 1];
    let starts: Vec<usize> = stream
        .windows(START.len())
        .enumerate()
        .filter(|(_, three)| *three == START)
        .map(|(index, _)| index)
        .collect();
    let ends = starts.iter().skip(1).copied().chain([stream.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(start, end)| &stream[start + START.len()..end])
        // Zeros before a start code are not part of the unit.
        .map(|nal| &nal[..nal.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)])
        .filter(|nal| nal.first().is_some_and(|byte| (1..=5).contains(&(byte & 0x1f))))
        .map(<[u8]>::to_vec)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_found_and_compared() {
        let stream = [
            0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x65, 7, 0, 0, 0, 1, 0x41, 8, 0, 0, 1, 0x41, 9,
        ];
        let slices = of_byte_stream(&stream);
        assert_eq!(slices, [vec![0x65, 7], vec![0x41, 8], vec![0x41, 9]]);
        assert_eq!(run_within(&slices[1..], &slices), Some(2));
        assert_eq!(
            run_within(&[vec![0x65, 7], vec![0x41, 9]], &slices),
            None,
            "a lost slice is noticed"
        );
        assert_eq!(
            run_within(&[vec![0x65, 6]], &slices),
            None,
            "a changed slice is noticed"
        );
        assert_eq!(run_within(&[], &slices), None, "nothing proves nothing");
    }
}
