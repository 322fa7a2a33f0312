//! The accept loop, and what a peer may cost: how many there are, how long each may take to ask, and to listen.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::{BoxError, Router};
use hyper::Request;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::server::conn::http1::Builder;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Connections at once; further ones are closed. Half of the descriptors that a process usually has.
pub const MAX_CONNECTIONS: usize = 512;
/// From a connection's first moment, or its last answer, until the head of a request is there.
pub const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// From a request's head until all of its body is there.
pub const BODY_WITHIN: Duration = Duration::from_secs(60);
/// A peer that takes nothing for so long, while there is something for it, is closed.
pub const STALLED: Duration = Duration::from_secs(15);
/// Head of a request, give or take a read; a key and a browser's headers fit many times. Beyond it the answer is 431.
const MAX_HEAD_BYTES: usize = 32 * 1024;
/// Out of descriptors, most likely: others will be given back.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Serves `router` until `stop`, then until the requests in flight are answered. HTTP/1.1, with upgrades.
pub async fn serve_until(listener: TcpListener, router: Router, stop: CancellationToken) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let tasks = TaskTracker::new();
    let mut full = false;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        match accepted.map(|(socket, _)| (socket, Arc::clone(&room).try_acquire_owned())) {
            Ok((socket, Ok(permit))) => {
                full = false;
                tasks.spawn(connection(socket, router.clone(), stop.clone(), permit));
            }
            Ok((_, Err(_))) => {
                // Once for each flood, not for each of its connections.
                if !std::mem::replace(&mut full, true) {
                    tracing::warn!(limit = MAX_CONNECTIONS, "connections refused, too many");
                }
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept");
                sleep(ACCEPT_AGAIN).await;
            }
        }
    }
    drop(listener);
    tasks.close();
    tasks.wait().await;
}

async fn connection(socket: TcpStream, router: Router, stop: CancellationToken, permit: OwnedSemaphorePermit) {
    let _permit = permit;
    // Answers are small and events are single: waiting to fill a packet only costs time. A socket that refuses the
    // option still works.
    drop(socket.set_nodelay(true));
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |request: Request<Incoming>| router.call(request.map(InTime::new)));
    let mut builder = Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(MAX_HEAD_BYTES);
    let mut serving = pin!(
        builder
            .serve_connection(TokioIo::new(Taken::new(socket)), service)
            .with_upgrades()
    );
    let served = tokio::select! {
        served = serving.as_mut() => served,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "connection closed");
    }
}

/// A request's body, which must be there in time. One that is not ends in an error, and its connection with it.
struct InTime {
    body: Incoming,
    deadline: Pin<Box<Sleep>>,
}

impl InTime {
    fn new(body: Incoming) -> Self {
        let deadline = Box::pin(sleep(BODY_WITHIN));
        Self { body, deadline }
    }
}

impl Body for InTime {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        ready!(self.deadline.as_mut().poll(cx));
        Poll::Ready(Some(Err(
            format!("the body was not there within {BODY_WITHIN:?}").into()
        )))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A socket that fails once its peer has taken nothing for [`STALLED`]. Slow is not stalled.
struct Taken<S> {
    socket: S,
    patience: Pin<Box<Sleep>>,
    waiting: bool,
}

impl<S> Taken<S> {
    fn new(socket: S) -> Self {
        let patience = Box::pin(sleep(STALLED));
        Self {
            socket,
            patience,
            waiting: false,
        }
    }

    fn watch<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.waiting = false;
            return written;
        }
        if !std::mem::replace(&mut self.waiting, true) {
            self.patience.as_mut().reset(Instant::now() + STALLED);
        }
        ready!(self.patience.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Taken<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Taken<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.watch(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(cx, parts);
        self.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::{get, post};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn serving() -> std::net::SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new()
            .route("/", get(|| async { "well" }))
            .route("/body", post(|body: Bytes| async move { body.len().to_string() }));
        tokio::spawn(serve_until(listener, router, CancellationToken::new()));
        address
    }

    /// What a peer is answered that sends `bytes` and nothing more; time passes as soon as nothing else happens.
    async fn answer(bytes: &[u8]) -> String {
        let mut socket = TcpStream::connect(serving().await).await.unwrap();
        socket.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        drop(socket.read_to_end(&mut answer).await);
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_does_not_come_ends_its_connection() {
        for head in ["", "GET", "GET / HTTP/1.1\r\nHost: x\r\nX: "] {
            answer(head.as_bytes()).await;
        }
        // Kept for another request, and then no longer.
        let kept = answer(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(kept.starts_with("HTTP/1.1 200") && kept.ends_with("well"), "{kept}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_ends_its_connection() {
        let answer = answer(b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1234").await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    }

    #[tokio::test]
    async fn a_head_over_the_limit_is_431() {
        let head = format!(
            "GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n",
            "x".repeat(4 * MAX_HEAD_BYTES)
        );
        let refused = answer(head.as_bytes()).await;
        // What was not read any more can take the answer with it.
        assert!(refused.is_empty() || refused.starts_with("HTTP/1.1 431"), "{refused}");
        let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "X: y\r\n".repeat(200));
        assert!(answer(many.as_bytes()).await.starts_with("HTTP/1.1 431"));
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_is_given_up_and_who_is_slow_is_not() {
        let (near, mut far) = tokio::io::duplex(16);
        let mut near = Taken::new(near);
        let writing = tokio::spawn(async move { near.write_all(&[0; 100]).await });
        for _ in 0..5 {
            sleep(STALLED - Duration::from_secs(1)).await;
            let mut few = [0; 16];
            far.read_exact(&mut few).await.unwrap();
        }
        assert!(!writing.is_finished());
        let began = Instant::now();
        let error = writing.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed().as_secs(), STALLED.as_secs());
    }
}
