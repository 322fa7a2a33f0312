//! What stands in for the providers: real servers on loopback that keep state and refuse what the provider would.

mod http;
mod pods;
pub(crate) mod runpod;
mod shape;
