//! Sound: what a dub becomes on its way into the programme, and the rules that decide what is heard when.
//!
//! Pure: no I/O, no async, no clock and no threads. Media time and samples are arguments, and the same calls at the same
//! playheads give the same samples. Start at [`playout`]: the other modules are what it is made of, and [`resample`] and
//! [`pcm`] also serve whoever brings sound here.
//!
//! ```text
//! dub PCM ─▶ silence ─▶ stretch ─▶ resample ─▶ gain, edges ─┐
//! bed ──────────────────────────────────────▶ duck ─────────┴▶ limiter ─▶ programme
//! ```

pub mod duck;
pub mod limiter;
pub mod loudness;
pub mod pcm;
pub mod playout;
pub mod resample;
pub mod silence;
pub mod stretch;

/// The rate of bed and programme in Hz; both are interleaved stereo `f32`.
pub const RATE: u32 = 48_000;
