//! Silence in a dub: the edges are trimmed, long pauses may be shortened (R6).

/// A frame whose peak is below this is silent: about -50 dBFS, under the breath noise of a synthesised voice.
pub const SILENT: i16 = 100;
const SILENT_F32: f32 = SILENT as f32 / 32_768.0;
/// Silence left at each end: 40 ms.
pub const KEEP: usize = 4;
/// Pauses of up to 300 ms are left as they are; a longer one becomes 200 ms, half from each of its ends.
const LONGEST: usize = 30;
const SHORTENED: usize = 20;

/// How many samples at `rate` one frame of 10 ms has: what silence is judged by.
pub fn frame(rate: u32) -> usize {
    (rate as usize / 100).max(1)
}

/// Passes on the frames of one dub without the silence that is not wanted.
///
/// What it holds back is silence only: it does not know yet whether that is a pause or the end.
#[derive(Debug)]
pub struct Trim {
    frame: usize,
    shorten: bool,
    started: bool,
    /// Silent frames passed on in the present pause.
    passed: usize,
    held: Vec<f32>,
}

impl Trim {
    /// For a dub at `rate`; `shorten` says whether long pauses are shortened.
    pub fn new(rate: u32, shorten: bool) -> Self {
        Self {
            frame: frame(rate),
            shorten,
            started: false,
            passed: 0,
            held: Vec::new(),
        }
    }

    /// Takes the next frame (only the last of a dub may be shorter) and appends what is to be heard to `out`.
    pub fn push(&mut self, frame: &[f32], out: &mut Vec<f32>) {
        let silent = frame.iter().all(|s| s.abs() < SILENT_F32);
        match (silent, self.started) {
            (true, false) => {
                self.held.extend_from_slice(frame);
                let over = self.held.len().saturating_sub(KEEP * self.frame);
                self.held.drain(..over);
            }
            (true, true) if self.passed < KEEP => {
                self.passed += 1;
                out.extend_from_slice(frame);
            }
            (true, true) => self.held.extend_from_slice(frame),
            (false, _) => {
                self.release(out);
                out.extend_from_slice(frame);
                (self.started, self.passed) = (true, 0);
            }
        }
    }

    /// The dub is over: the silence held back was its end.
    pub fn finish(&mut self) {
        self.held.clear();
    }

    /// Appends the held part of a pause that has just ended.
    fn release(&mut self, out: &mut Vec<f32>) {
        let frames = self.held.len() / self.frame;
        if !self.started || !self.shorten || self.passed + frames <= LONGEST {
            out.append(&mut self.held);
            return;
        }
        let head = (SHORTENED / 2 - KEEP - 1) * self.frame;
        let tail = self.held.len() - SHORTENED / 2 * self.frame;
        out.extend_from_slice(&self.held[..head]);
        let (from, to) = (&self.held[head..head + self.frame], &self.held[tail - self.frame..tail]);
        out.extend(
            from.iter()
                .zip(to)
                .enumerate()
                .map(|(n, (a, b))| a + (b - a) * (n as f32 / self.frame as f32)),
        );
        out.extend_from_slice(&self.held[tail..]);
        self.held.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 8_000;

    fn trim(parts: &[(f32, usize)], shorten: bool) -> Vec<f32> {
        let pcm: Vec<f32> = parts.iter().flat_map(|&(level, ms)| vec![level; ms * 8]).collect();
        let (mut trim, mut out) = (Trim::new(RATE, shorten), Vec::new());
        pcm.chunks(frame(RATE)).for_each(|f| trim.push(f, &mut out));
        trim.finish();
        out
    }

    fn ms(pcm: &[f32]) -> usize {
        pcm.len() / 8
    }

    #[test]
    fn the_edges_keep_forty_milliseconds() {
        let out = trim(&[(0.0, 500), (0.5, 100), (0.001, 700)], false);
        assert_eq!(ms(&out), 40 + 100 + 40);
        assert_eq!(trim(&[(0.0, 20), (0.5, 100), (0.0, 30)], false).len(), 150 * 8);
    }

    #[test]
    fn silence_alone_is_nothing() {
        assert!(trim(&[(0.0, 900)], false).is_empty());
    }

    #[test]
    fn pauses_are_shortened_only_where_asked_and_only_long_ones() {
        let long = [(0.5, 100), (0.0, 310), (0.5, 100)];
        assert_eq!(ms(&trim(&long, false)), 510);
        assert_eq!(ms(&trim(&long, true)), 400);
        assert_eq!(ms(&trim(&[(0.5, 100), (0.0, 300), (0.5, 100)], true)), 500);
    }

    #[test]
    fn a_pause_at_the_end_passes_no_more_than_its_forty_milliseconds() {
        let (mut trim, mut out) = (Trim::new(RATE, true), Vec::new());
        trim.push(&[0.5; 80], &mut out);
        (0..50).for_each(|_| trim.push(&[0.0; 80], &mut out));
        assert_eq!(ms(&out), 10 + 40);
        trim.push(&[0.5; 80], &mut out);
        assert_eq!(ms(&out), 10 + 200 + 10);
    }
}
