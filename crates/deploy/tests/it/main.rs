//! The providers, from outside.

mod aws;
