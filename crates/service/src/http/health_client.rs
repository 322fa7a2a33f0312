//! The client behind `<binary> health [URL]`: one GET without a runtime, for containers that have no curl.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use crate::config::parse;

/// How long a health check may take altogether.
pub const TIMEOUT: Duration = Duration::from_secs(2);

/// How much of an answer is looked at.
const MAX_ANSWER: u64 = 64 * 1024;

/// Asks `url` (plain `http://`) and is content with a 2xx status. The error is one line for the health check's log.
pub fn health_client(url: &str) -> Result<(), String> {
    let deadline = Instant::now() + TIMEOUT;
    let url = parse::url(url, &["http"]).ok_or_else(|| format!("{} is no http:// URL", parse::redacted(url)))?;
    let host = url.host_str().unwrap_or_default();
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let port = url.port_or_known_default().unwrap_or(80);
    let answer = connect(name, port, deadline)
        .and_then(|stream| ask(stream, &format!("{host}:{port}"), url.path(), deadline))
        .map_err(|error| format!("{host}:{port}: {error}"))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).unwrap_or_default();
    if head.starts_with("HTTP/1.") && status.len() == 3 && status.starts_with('2') {
        return Ok(());
    }
    let line = body.lines().next().unwrap_or_default();
    Err(format!("{host}:{port}{} answered {status} {line}", url.path())
        .trim_end()
        .to_owned())
}

fn left(deadline: Instant) -> std::io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        Err(std::io::ErrorKind::TimedOut.into())
    } else {
        Ok(left)
    }
}

fn connect(name: &str, port: u16, deadline: Instant) -> std::io::Result<TcpStream> {
    let mut last = std::io::Error::from(std::io::ErrorKind::NotFound);
    for addr in (name, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&addr, left(deadline)?) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn ask(mut stream: TcpStream, host: &str, path: &str, deadline: Instant) -> std::io::Result<String> {
    stream.set_write_timeout(Some(left(deadline)?))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    // A peer that trickles bytes would stretch a timeout for each read: the deadline is for all of them.
    while (answer.len() as u64) < MAX_ANSWER {
        stream.set_read_timeout(Some(left(deadline)?))?;
        match stream.read(&mut chunk)? {
            0 => break,
            count => answer.extend_from_slice(&chunk[..count]),
        }
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
