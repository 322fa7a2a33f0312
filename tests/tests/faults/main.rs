//! What viewers get when something breaks. Each scenario leaves a row in `target/<profile>/faults`.

mod hooks_confused;
mod media_ended;
mod orchestrator_killed;
mod publisher_back;
mod publisher_far;
mod publisher_frozen;
mod publisher_second;
mod router_killed;
mod speech_cut;
mod speech_far;
mod speech_frozen;
mod speech_full;
mod speech_garbage;
mod speech_jammed;
mod speech_key;
mod speech_killed;
mod speech_moved;
mod speech_slow;
mod worker_frozen;
mod worker_killed;
