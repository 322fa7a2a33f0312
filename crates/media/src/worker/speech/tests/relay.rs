//! A TCP relay in front of a host, whose network it is.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

#[derive(Clone, Copy, Default)]
struct State {
    /// Connections made before this number are cut.
    cuts: u32,
    /// Bytes of the host's that pass until the next cut.
    left: Option<usize>,
    is_frozen: bool,
    is_dead: bool,
}

pub(super) struct Relay {
    address: SocketAddr,
    state: Arc<watch::Sender<State>>,
    accepted: watch::Receiver<u32>,
}

impl Relay {
    pub(super) async fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (state, mut states) = watch::channel(State::default());
        let state = Arc::new(state);
        let shared = state.clone();
        let (count, accepted) = watch::channel(0);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    dead = states.wait_for(|s| s.is_dead) => return drop(dead),
                    connection = listener.accept() => {
                        count.send_modify(|n| *n += 1);
                        tokio::spawn(carry(connection.unwrap().0, upstream, shared.clone()));
                    }
                }
            }
        });
        Self {
            address,
            state,
            accepted,
        }
    }

    pub(super) fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Connections that came.
    pub(super) fn accepted(&self) -> u32 {
        *self.accepted.borrow()
    }

    /// Cuts what is connected, in the middle of what the host says: after so many bytes.
    pub(super) fn cut_after(&self, bytes: usize) {
        self.state.send_modify(|s| s.left = Some(bytes));
    }

    /// How often it has cut.
    pub(super) fn cuts(&self) -> u32 {
        self.state.borrow().cuts
    }

    /// Stops passing bytes, but not accepting.
    pub(super) fn freeze(&self) {
        self.state.send_modify(|s| s.is_frozen = true);
    }

    /// Cuts what is connected and refuses what comes.
    pub(super) fn kill(&self) {
        self.state.send_modify(|s| s.is_dead = true);
    }
}

async fn carry(client: TcpStream, upstream: SocketAddr, state: Arc<watch::Sender<State>>) {
    let host = TcpStream::connect(upstream).await.unwrap();
    let mut states = state.subscribe();
    let cuts = states.borrow().cuts;
    let (client_in, client_out) = client.into_split();
    let (host_in, host_out) = host.into_split();
    let passed = |len: usize| {
        let mut pass = len;
        state.send_if_modified(|s| {
            pass = s.left.map_or(len, |left| left.min(len));
            s.left = s.left.map(|left| left - pass);
            let is_cut = s.left == Some(0);
            if is_cut {
                (s.left, s.cuts) = (None, s.cuts + 1);
            }
            is_cut
        });
        pass
    };
    tokio::select! {
        biased;
        () = pump(host_in, client_out, state.subscribe(), passed) => {}
        () = pump(client_in, host_out, state.subscribe(), |len| len) => {}
        cut = states.wait_for(|s| s.cuts != cuts || s.is_dead) => drop(cut),
    }
}

/// Passes on what `passed` lets.
async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut states: watch::Receiver<State>,
    passed: impl Fn(usize) -> usize,
) {
    let mut buffer = [0; 4_096];
    while let Ok(len @ 1..) = from.read(&mut buffer).await {
        let is_open = states.wait_for(|s| !s.is_frozen).await.is_ok();
        let pass = passed(len);
        if !is_open || to.write_all(&buffer[..pass]).await.is_err() || pass < len {
            return;
        }
    }
}
