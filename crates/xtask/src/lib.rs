//! Everything that a developer types: `cargo xtask up | publish | demo | test | bench | soak | doctor | flake | images |
//! rehearse | ci`.
//!
//! It starts the product's own binaries as a user would and looks at them from outside, over sockets and `/proc`.
//! It may not link a native library: it has to run, and to say what is missing, on a machine that has none of them.
//! Nothing of it is in an image.
//!
//! [`stack`] is the part that the end-to-end tests use as well.

mod bench;
mod checks;
mod child;
mod cli;
pub mod cloud;
mod compile;
pub mod compose;
mod demo;
mod docker;
mod doctor;
mod faults;
mod flake;
pub mod http;
mod images;
mod install;
mod interrupt;
mod needs;
pub mod ports;
mod process;
mod ready;
mod rehearse;
pub mod secrets;
mod soak;
pub mod stack;
mod up;

pub use cli::run;
