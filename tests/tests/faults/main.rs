//! What viewers get when something breaks. Each scenario leaves a row in `target/<profile>/faults`.
//!
//! `FAULTS_ROUTER=mediamtx` runs all of them over the MediaMTX on the PATH; those of `mediamtx` need no asking.

mod clock_stepped;
mod hooks_confused;
mod hooks_lost;
mod log_lost;
mod media_ended;
mod mediamtx;
mod orchestrator_killed;
mod publisher_back;
mod publisher_far;
mod publisher_frozen;
mod publisher_late;
mod publisher_second;
mod router_frozen;
mod router_killed;
mod run_dir_full;
mod speech_broken;
mod speech_cut;
mod speech_far;
mod speech_frozen;
mod speech_full;
mod speech_garbage;
mod speech_jammed;
mod speech_key;
mod speech_killed;
mod speech_lossy;
mod speech_moved;
mod speech_proxied;
mod speech_replaced;
mod speech_restarted;
mod speech_slow;
mod speech_unreachable;
mod worker_drained;
mod worker_frozen;
mod worker_killed;
mod worker_starved;
