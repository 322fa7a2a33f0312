//! AWS, through its ordinary command line client: the streaming host is a CloudFormation stack, what it reads is in the
//! parameter store, what it says is in a log group.
//!
//! Every call is one run of `aws`. Its input is a file that only this user can read, so that no value is in an argument list or
//! in an environment. `AWS_PROFILE`, `AWS_ENDPOINT_URL` and the like work, since that client reads them.

mod client;
mod files;
mod logs;
mod parameters;
mod place;
mod release;
mod stack;
mod template;
mod volume;
mod wait;

pub use client::{Aws, Identity, Refused};
pub use files::{MAX_PARAMETER, pack, parts, unpack};
pub use parameters::{Kind, Parameter};
pub use release::{HostState, Release};
pub use stack::{Change, Deployed, Plan, Stack};
pub use template::{Port, Wanted, boot_script, ports, template};
pub use volume::Volume;

/// Below it are the parameters of a deployment.
pub fn prefix(name: &str) -> String {
    format!("/dragoman/{name}")
}

/// The host's log group.
pub fn log_group(name: &str) -> String {
    prefix(name)
}

/// On the stack and on what it makes; its value is the deployment's name.
const TAG: &str = "dragoman";

fn tags(name: &str) -> serde_json::Value {
    serde_json::json!([{ "Key": TAG, "Value": name }])
}
