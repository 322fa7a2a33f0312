//! The worker's control socket: whoever connects hears who this is and how it goes, and may ask for a few things.

use std::io;
use std::path::{Path, PathBuf};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::{Duration, sleep};
use tracing::debug;

use crate::control::{FromWorker, Hello, ToWorker};

/// Lines that a slow listener may be behind; then it misses some.
const BEHIND: usize = 16;
/// Requests that wait for the worker; a caller waits while it is full.
const REQUESTS: usize = 16;
/// Between two attempts to accept a connection.
const RETRY: Duration = Duration::from_millis(100);
/// A longer line is no request of ours.
const MAX_LINE: usize = 64 * 1024;

/// The worker's end of all connections.
pub(crate) struct Socket {
    path: PathBuf,
    lines: broadcast::Sender<FromWorker>,
    /// What orchestrators ask for.
    pub(crate) requests: mpsc::Receiver<ToWorker>,
}

impl Socket {
    /// Serves `path`. The caller holds the stream's lock, so that a file that is there is a dead worker's.
    pub(crate) fn serve(path: &Path, hello: watch::Receiver<Hello>) -> io::Result<Self> {
        match std::fs::remove_file(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let listener = UnixListener::bind(path)?;
        let (lines, _) = broadcast::channel(BEHIND);
        let (asked, requests) = mpsc::channel(REQUESTS);
        let all = lines.clone();
        tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    // Out of descriptors, most likely: a moment later there may be some.
                    sleep(RETRY).await;
                    continue;
                };
                let peer = Peer {
                    hello: hello.clone(),
                    lines: all.subscribe(),
                    asked: asked.clone(),
                };
                tokio::spawn(async move {
                    if let Err(error) = peer.serve(stream).await {
                        debug!(%error, "control connection ended");
                    }
                });
            }
        });
        Ok(Self {
            path: path.to_owned(),
            lines,
            requests,
        })
    }

    /// Says something to all who listen.
    pub(crate) fn say(&self, line: FromWorker) {
        // Nobody listens while the orchestrator is away.
        let _ = self.lines.send(line);
    }

    /// Whether an orchestrator is there.
    pub(crate) fn is_heard(&self) -> bool {
        self.lines.receiver_count() > 0
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

struct Peer {
    hello: watch::Receiver<Hello>,
    lines: broadcast::Receiver<FromWorker>,
    asked: mpsc::Sender<ToWorker>,
}

impl Peer {
    async fn serve(mut self, stream: UnixStream) -> io::Result<()> {
        let (read, mut write) = stream.into_split();
        let hello = FromWorker::Hello(Box::new(self.hello.borrow().clone()));
        write_line(&mut write, &hello).await?;
        let mut read = BufReader::new(read);
        let mut line = Vec::new();
        loop {
            tokio::select! {
                said = self.lines.recv() => match said {
                    Ok(said) => write_line(&mut write, &said).await?,
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return Ok(()),
                },
                n = read.read_until(b'\n', &mut line) => {
                    if n? == 0 || line.len() > MAX_LINE {
                        return Ok(());
                    }
                    // An unknown request is one of a later build.
                    if let Ok(request) = serde_json::from_slice(&line)
                        && self.asked.send(request).await.is_err()
                    {
                        return Ok(());
                    }
                    line.clear();
                }
            }
        }
    }
}

async fn write_line(write: &mut (impl AsyncWriteExt + Unpin), line: &FromWorker) -> io::Result<()> {
    let mut json = serde_json::to_vec(line)?;
    json.push(b'\n');
    write.write_all(&json).await
}
