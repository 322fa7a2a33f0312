//! A process whose log nobody reads any more.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};

use dragoman_service::telemetry::{self, Format, Options};

/// Set in the child, which is this test program again.
const CHILD: &str = "DRAGOMAN_TEST_LOST_LOG";

#[test]
fn a_log_that_nobody_reads_ends_nothing() {
    if let Ok(format) = std::env::var(CHILD) {
        return log_into_the_void(&format);
    }
    for format in ["text", "json"] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "lost_log::a_log_that_nobody_reads_ends_nothing",
                "--nocapture",
            ])
            .env(CHILD, format)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        log.read_line(&mut line).unwrap();
        assert!(line.contains("somebody reads"), "{line}");
        drop(log);
        child.stdin.take().unwrap().write_all(b"gone\n").unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(
            output.status.success() && said.contains("still here"),
            "{format}: {} {said}",
            output.status
        );
    }
}

fn log_into_the_void(format: &str) {
    let format = if format == "json" { Format::Json } else { Format::Text };
    let filter = "info".to_owned();
    telemetry::init(&Options { filter, format }).unwrap();
    tracing::info!("somebody reads");
    let mut gone = [0; 5];
    std::io::stdin().read_exact(&mut gone).unwrap();
    let probe = std::io::stderr().write(b"x").unwrap_err();
    assert_eq!(
        probe.kind(),
        std::io::ErrorKind::BrokenPipe,
        "the pipe has no other reader"
    );
    tracing::error!("nobody reads");
    let task = std::thread::spawn(|| panic!("a panic is logged too"));
    assert!(task.join().is_err());
    println!("still here");
}
