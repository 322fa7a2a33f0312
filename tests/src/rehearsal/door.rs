//! What ends TLS before a server that has none, as a provider's proxy does; it may cut every connection after a while.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

/// A running proxy; dropping it closes it and what goes through it.
#[derive(Debug)]
pub struct Door {
    state: Arc<State>,
    _runtime: Runtime,
}

#[derive(Debug, Default)]
struct State {
    cut_after_ms: AtomicU64,
    opened: AtomicU64,
    cuts: AtomicU64,
}

impl Door {
    /// Listens at `listen` with the certificate and key in `identity` (PEM) and passes on to `to`.
    pub fn open(listen: SocketAddr, to: SocketAddr, identity: &Path) -> Result<Self> {
        let certificates: Vec<CertificateDer<'static>> =
            CertificateDer::pem_file_iter(identity)?.collect::<Result<_, _>>()?;
        let key = PrivateKeyDer::from_pem_file(identity)?;
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(certificates, key)?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let listener = runtime
            .block_on(TcpListener::bind(listen))
            .with_context(|| format!("cannot listen at {listen}"))?;
        let state = Arc::<State>::default();
        runtime.spawn(serve(listener, to, acceptor, state.clone()));
        Ok(Self {
            state,
            _runtime: runtime,
        })
    }

    /// From now on connections are cut this long after they were made; zero: never.
    pub fn cut_after(&self, time: Duration) {
        let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.state.cut_after_ms.store(ms, Ordering::Relaxed);
    }

    /// How many came through.
    pub fn opened(&self) -> u64 {
        self.state.opened.load(Ordering::Relaxed)
    }

    /// How many were cut.
    pub fn cuts(&self) -> u64 {
        self.state.cuts.load(Ordering::Relaxed)
    }
}

async fn serve(listener: TcpListener, to: SocketAddr, acceptor: TlsAcceptor, state: Arc<State>) {
    while let Ok((near, _)) = listener.accept().await {
        let (acceptor, state) = (acceptor.clone(), state.clone());
        let _ = near.set_nodelay(true);
        tokio::spawn(async move {
            let Ok(mut near) = acceptor.accept(near).await else {
                return;
            };
            let Ok(mut far) = TcpStream::connect(to).await else {
                return;
            };
            state.opened.fetch_add(1, Ordering::Relaxed);
            let is_cut = tokio::select! {
                _ = copy_bidirectional(&mut near, &mut far) => false,
                () = cut(&state) => true,
            };
            state.cuts.fetch_add(u64::from(is_cut), Ordering::Relaxed);
        });
    }
}

/// Ends when a connection that began now is to be cut.
async fn cut(state: &State) {
    const LOOK: Duration = Duration::from_millis(50);
    let began = tokio::time::Instant::now();
    loop {
        tokio::time::sleep(LOOK).await;
        let after = Duration::from_millis(state.cut_after_ms.load(Ordering::Relaxed));
        if !after.is_zero() && began.elapsed() >= after {
            return;
        }
    }
}
