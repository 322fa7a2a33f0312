//! What ends TLS in front of a service that speaks none, as a proxy in a cloud does.

use std::net::Ipv4Addr;
use std::sync::Arc;

use anyhow::{Context, Result};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

use crate::third_party::Certificate;

/// Ends TLS; dropping it closes what is open.
#[derive(Debug)]
pub struct TlsEnd {
    port: u16,
    _runtime: Runtime,
}

impl TlsEnd {
    /// Shows `certificate`, and passes what comes on to a port of this machine.
    pub fn start(certificate: &Certificate, upstream: u16) -> Result<Self> {
        let chain = vec![CertificateDer::from_pem_file(certificate.file()).context("no certificate")?];
        let key = PrivateKeyDer::from_pem_file(certificate.key()).context("no key")?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let port = listener.local_addr()?.port();
        runtime.spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(carry(acceptor.clone(), near, upstream));
            }
        });
        Ok(Self {
            port,
            _runtime: runtime,
        })
    }

    /// Where it listens on this machine.
    pub fn port(&self) -> u16 {
        self.port
    }
}

async fn carry(acceptor: TlsAcceptor, near: TcpStream, upstream: u16) -> std::io::Result<()> {
    near.set_nodelay(true)?;
    let mut near = acceptor.accept(near).await?;
    let mut far = TcpStream::connect((Ipv4Addr::LOCALHOST, upstream)).await?;
    far.set_nodelay(true)?;
    copy_bidirectional(&mut near, &mut far).await?;
    Ok(())
}
