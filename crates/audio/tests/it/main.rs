//! The playout's rules, one property each, and the figures they were designed with.

mod dubs;
mod edges;
mod figures;
mod order;
mod random;
mod rig;
mod sound;
