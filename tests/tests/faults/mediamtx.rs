//! What has to do with the router, over the one that production uses, where this machine has it.

use anyhow::Result;
use dragoman_tests::scene::Scene;
use dragoman_tests::setting::Setting;

use crate::{publisher_back, router_frozen, router_killed, worker_killed};

fn over_mediamtx(name: &str, play: impl FnOnce(Scene) -> Result<()>) -> Result<()> {
    match Setting::mediamtx(name) {
        Some(setting) => play(Scene::start_in(name, &setting)?),
        None => Ok(()),
    }
}

#[test]
fn a_router_that_dies() -> Result<()> {
    over_mediamtx("router killed", router_killed::dies)
}

#[test]
fn a_router_that_hangs() -> Result<()> {
    over_mediamtx("router frozen for 6 s", router_frozen::hangs)
}

#[test]
fn a_publisher_that_comes_back() -> Result<()> {
    over_mediamtx("publisher back within the grace period", publisher_back::comes_back)
}

#[test]
fn a_worker_that_dies() -> Result<()> {
    over_mediamtx("worker killed", worker_killed::dies)
}
