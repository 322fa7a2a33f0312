//! Peers that are up to no good: many of them, each with some bytes and then less and less.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// How long somebody else may wait for an answer meanwhile: the machine is busy with other things too.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Connections to one listener.
pub(crate) struct Peers {
    what: &'static str,
    sockets: Vec<TcpStream>,
}

impl Peers {
    /// Connects `count` of them; each sends `bytes`.
    pub(crate) fn connect(what: &'static str, port: u16, count: usize, bytes: &[u8]) -> Result<Self> {
        let connect = |_| -> Result<TcpStream> {
            let mut socket =
                TcpStream::connect(("127.0.0.1", port)).with_context(|| format!("{what}: no connection"))?;
            // It may have been closed already: there are too many.
            let _ = socket.write_all(bytes);
            socket.set_nonblocking(true)?;
            Ok(socket)
        };
        let sockets = (0..count).map(connect).collect::<Result<_>>()?;
        Ok(Self { what, sockets })
    }

    /// Sends one more byte on each, takes what came, and forgets those that are closed.
    fn trickle(&mut self, byte: Option<u8>) {
        let mut buffer = [0; 4096];
        self.sockets.retain_mut(|socket| {
            let is_open = loop {
                match socket.read(&mut buffer) {
                    Ok(0) => break false,
                    Ok(_) => {}
                    Err(error) => break error.kind() == ErrorKind::WouldBlock,
                }
            };
            let is_open_to_more = byte.is_none_or(|byte| match socket.write(&[byte]) {
                Ok(_) => true,
                Err(error) => error.kind() == ErrorKind::WouldBlock,
            });
            is_open && is_open_to_more
        });
    }

    /// How many are still connected.
    pub(crate) fn left(&self) -> usize {
        self.sockets.len()
    }
}

/// Trickles until all are closed, which must be so within `bound`; `serves` is asked all the while, and its slowest
/// answer given back.
pub(crate) fn outlast(
    peers: &mut [(Peers, Option<u8>)],
    bound: Duration,
    mut serves: impl FnMut() -> Result<()>,
) -> Result<Duration> {
    let began = Instant::now();
    let mut slowest = Duration::ZERO;
    loop {
        for (peers, byte) in peers.iter_mut() {
            peers.trickle(*byte);
        }
        let asked = Instant::now();
        serves().with_context(|| format!("others are not served after {:?}", began.elapsed()))?;
        slowest = slowest.max(asked.elapsed());
        ensure!(slowest < ANSWER_WITHIN, "others wait {slowest:?}");
        let left: Vec<_> = peers.iter().filter(|(peers, _)| peers.left() > 0).collect();
        if left.is_empty() {
            println!("closed after {:?}, slowest other answer {slowest:?}", began.elapsed());
            return Ok(slowest);
        }
        if began.elapsed() > bound {
            let left: Vec<_> = left.iter().map(|(peers, _)| (peers.what, peers.left())).collect();
            bail!("still connected after {bound:?}: {left:?}");
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// What a request of these bytes is answered, as far as it can be read.
pub(crate) fn exchange(port: u16, bytes: &[u8]) -> Result<String> {
    let mut socket = TcpStream::connect(("127.0.0.1", port))?;
    socket.set_read_timeout(Some(Duration::from_secs(60)))?;
    let _ = socket.write_all(bytes);
    let mut answer = vec![0; 4096];
    let length = match socket.read(&mut answer) {
        Ok(length) => length,
        Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => 0,
        Err(error) => return Err(error).context("no answer"),
    };
    Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
}

/// Asks a probe on a connection of its own.
pub(crate) fn is_well(port: u16, path: &str) -> Result<()> {
    let answer = exchange(
        port,
        format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes(),
    )?;
    ensure!(answer.starts_with("HTTP/1.1 200"), "{port}{path} answers {answer}");
    Ok(())
}
