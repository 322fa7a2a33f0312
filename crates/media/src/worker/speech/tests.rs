//! The client against real services in this process, through a relay that can be cut, frozen and killed, and against
//! hosts that follow a script.

mod hosts;
mod moves;
mod refusals;
mod relay;
mod script;
mod sessions;
mod stage;
mod story;
