//! One client session: it outlives its socket by the resume time.
//!
//! ```text
//!   upgrade ──start──▶ attached ──socket lost──▶ detached ──10 s──▶ gone
//!                        │  ▲                        │
//!                        │  └────start{resume}───────┘
//!                        └── end, all settled: done ──▶ gone      (or closed for what the client did)
//! ```
//!
//! `State` decides, the `Actor` waits, a connection moves frames between its socket and two bounded channels. The actor
//! never waits for a socket: it asks for a place in the outgoing channel and goes on with everything else until there is one.

mod actor;
mod closing;
mod connection;
mod pace;
mod registry;
mod saying;
mod state;
mod track;

pub(crate) use connection::serve;
pub(crate) use registry::Registry;
