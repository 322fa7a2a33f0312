//! What clients post, for fuzz targets: each takes any bytes and returns.

use crate::wav;

/// The body of `POST /v1/dub`.
pub fn wav(bytes: &[u8]) {
    if let Ok(wav) = wav::read(bytes, 60) {
        assert!(wav.rate >= 8_000 && wav.samples.len() <= bytes.len());
    }
}
