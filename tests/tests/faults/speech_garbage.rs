//! Something else answers where the speech service was.

use std::io::{Read, Write};
use std::net::TcpListener;

use anyhow::{Context, Result};
use dragoman_tests::scene::Scene;
use xtask::stack::Service;

/// An upgrade, and then neither JSON nor a frame.
const UPGRADE: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 13\r\n\r\n<h1>hello</h1";

#[test]
fn nonsense_is_refused_and_told() -> Result<()> {
    let mut scene = Scene::start("speech answers garbage", &[], &[])?;
    scene.begin();
    scene.stack.kill(Service::Speech);
    let stranger = scene.until("the port is free", || {
        Ok(TcpListener::bind(("127.0.0.1", scene.stack.ports().speech)).ok())
    })?;
    let door = stranger.try_clone().context("no second handle")?;
    let answering = std::thread::spawn(move || {
        for mut socket in door.incoming().map_while(Result::ok).take(3) {
            let _ = socket.read(&mut [0; 4096]);
            let _ = socket.write_all(UPGRADE.as_bytes());
        }
    });
    scene.says("media says what it met", |state| {
        state["speech"]["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("200"))
    })?;
    scene.falls_back_to_the_original()?;
    scene.until("the stranger has answered", || {
        Ok(answering.is_finished().then_some(()))
    })?;
    drop(stranger);
    scene.start_again(Service::Speech, &[])?;
    scene.dub_is_back()?;
    scene.is_unbroken()?;
    scene.finish_all_hit()
}
