//! A router process on ports of its own.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

pub(crate) struct Router {
    child: Child,
    rtmp: String,
}

impl Router {
    pub(crate) fn start() -> Self {
        let tests = std::env::current_exe().unwrap();
        let program = tests
            .parent()
            .and_then(|deps| deps.parent())
            .unwrap()
            .join("dragoman-router");
        assert!(
            program.exists(),
            "{} is missing: build the workspace first (cargo build)",
            program.display()
        );
        let mut child = Command::new(program)
            .args(["--rtmp", "127.0.0.1:0", "--http", "127.0.0.1:0", "--api", "127.0.0.1:0"])
            .env("LOG", "warn")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let listening: serde_json::Value = serde_json::from_str(&line).unwrap();
        let rtmp = listening["listening"]["rtmp"].as_str().unwrap().to_owned();
        Self { child, rtmp }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("rtmp://{}/{path}", self.rtmp)
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
