//! Publishes a talking test stream and measures programmes like any viewer.
//!
//! Everything goes through RTMP with GStreamer's elements, so that what is measured and what measures share no code. The
//! analysis is pure ([`nal`], [`stamp`], [`matching`], [`tick`], [`axis`], [`skew`], [`hole`], [`tone`], [`histogram`]);
//! [`publish`] and [`read`] are the thin parts around GStreamer, [`measure`] and [`listen`] what uses them.
//!
//! It may not know the product's inside: it sees what a viewer sees, and no crate of ours but this one.

pub mod axis;
pub mod histogram;
pub mod hole;
pub mod matching;
pub mod nal;
pub mod skew;
pub mod stamp;
pub mod tick;
pub mod tone;

pub mod cli;
pub mod compare;
pub mod element;
pub mod listen;
pub mod measure;
pub mod picture;
pub mod publish;
pub mod read;
pub mod report;
pub mod sound;
pub mod talk;
