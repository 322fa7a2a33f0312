//! The models behind real speech, on candle: recognition (Whisper), translation (OPUS-MT, MADLAD-400), synthesis (Pocket TTS), and
//! the store of their weights.
//!
//! Everything here is blocking and runs on the thread that calls it; who calls it, when and for which stream is the speech
//! service's. Weights are shared and never change; what belongs to one utterance is in a value of its own, so nothing of one
//! stream can reach another. No HTTP server, no async, no environment.

pub mod device;
mod error;
#[doc(hidden)]
pub mod hostile;
pub mod linear;
pub mod marian;
pub mod pocket;
mod pytorch;
pub mod sentencepiece;
mod seq2seq;
pub mod store;
pub mod t5;
pub mod weights;
pub mod whisper;

pub use self::device::Device;
pub use self::error::{Error, Result};
