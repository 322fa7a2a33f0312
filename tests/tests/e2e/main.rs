//! End-to-end scenarios over the real binaries: what goes in, what a viewer and an operator get.
//!
//! Most scenarios share one stack and differ in the stream's id, so they run side by side.

mod artifacts;
mod bypass;
mod configuration;
mod doctor;
mod dubbing;
mod input;
mod keys;
mod mediamtx;
mod page;
mod real_speech;
mod reconnect;
mod requests;
mod requirements;
mod secrets;
