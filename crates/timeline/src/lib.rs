//! Media time: points and lengths, when a unit is let go, what waits until then, and what becomes of jumps.
//!
//! ```text
//! source stamp ──Splice──▶ media time ──DelayLine / SampleLine──▶ release = media time + Offset + H
//! ```
//!
//! Pure: no I/O, no async, no clock. Arrival times are arguments ([`Clock`]).

mod delay;
mod offset;
mod samples;
mod splice;
mod time;

pub use delay::{DelayLine, Timed};
pub use offset::Offset;
pub use samples::{Placed, Read, SampleClock, SampleLine};
pub use splice::{Splice, Spliced, Track};
pub use time::{Clock, Pts, Span};
