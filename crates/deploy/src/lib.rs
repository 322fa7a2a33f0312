//! `dragoman-deploy`: from credentials to a dubbed stream, with the router and the media service on EC2 and the speech
//! service on a rented GPU.
//!
//! There is no state file: what exists is found by name at the providers, and refused when it is ambiguous, so that every
//! command can be run again at any point. It carries what a host runs (`host/`). It knows nothing of media.

pub mod aws;
pub mod cli;
mod commands;
pub mod config;
pub mod registry;
pub mod runpod;
pub mod secrets;
mod wanted;
