//! What is true now.

use serde::Serialize;

/// What is true now, printed each second.
#[derive(Debug, Clone, Serialize)]
pub struct Live {
    /// Seconds since the first picture that all programmes had.
    pub seconds: Option<f64>,
    /// The source.
    pub source: LiveStream,
    /// The programmes.
    pub programmes: Vec<LiveProgramme>,
}

/// A stream now.
#[derive(Debug, Clone, Serialize)]
pub struct LiveStream {
    /// Pictures in the last second.
    pub fps: u64,
    /// Bit rate of the pictures.
    pub kbit: u64,
    /// Level of the sound in the last second.
    pub level_db: Option<f32>,
    /// Why there is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub down: Option<String>,
}

/// A programme now.
#[derive(Debug, Clone, Serialize)]
pub struct LiveProgramme {
    /// The target language.
    pub language: String,
    /// As of any stream.
    #[serde(flatten)]
    pub stream: LiveStream,
    /// Pictures matched so far.
    pub matched: u64,
    /// Mean of the last second.
    pub added_latency_ms: Option<f64>,
    /// Of the last tick.
    pub av_skew_added_ms: Option<f64>,
    /// Pictures of the source that never came, so far.
    pub lost: u64,
    /// So far.
    pub gaps: u64,
    /// So far.
    pub discontinuities: u64,
    /// Whether all is as it came in, so far.
    pub identical: Option<bool>,
    /// Level of the tone that is listened for, the loudest tenth of the last second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tone_db: Option<f32>,
}

/// Rounds for the eye.
pub(super) fn tenth(value: f32) -> f32 {
    (value * 10.0).round() / 10.0
}
