//! The providers, from outside.

mod aws;
mod runpod;
mod standin;
