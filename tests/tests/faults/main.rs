//! What viewers get when something breaks. Each scenario leaves a row in `target/<profile>/faults`.

mod orchestrator_killed;
mod publisher_back;
mod publisher_frozen;
mod router_killed;
mod speech_cut;
mod speech_far;
mod speech_frozen;
mod speech_garbage;
mod speech_jammed;
mod speech_key;
mod speech_killed;
mod speech_moved;
mod speech_slow;
mod worker_frozen;
mod worker_killed;
