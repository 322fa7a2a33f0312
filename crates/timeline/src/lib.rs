//! Media time: points and lengths, when a unit is let go, what waits until then, and what becomes of jumps.
//!
//! Pure: no I/O, no async, no clock. Arrival times are arguments.

mod time;

pub use time::{Pts, Span};
