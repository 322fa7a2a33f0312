//! RTMPS: TLS with the certificates that the system trusts. The name that is asked for, and that the certificate must
//! have, is the URL's host, whichever address it was reached at.

use std::io;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Read once a process: the files are many.
static CONFIG: OnceCell<Arc<ClientConfig>> = OnceCell::const_new();

/// Speaks TLS over `tcp` with `host`.
pub(super) async fn connect(tcp: TcpStream, host: &str) -> io::Result<TlsStream<TcpStream>> {
    let config = CONFIG.get_or_try_init(config).await?.clone();
    connect_trusting(config, tcp, host).await
}

async fn connect_trusting(config: Arc<ClientConfig>, tcp: TcpStream, host: &str) -> io::Result<TlsStream<TcpStream>> {
    // A certificate's names have no dot at the end.
    let name = host.strip_suffix('.').unwrap_or(host).to_owned();
    let name = ServerName::try_from(name).map_err(|_| io::Error::other("its host cannot be in a certificate"))?;
    TlsConnector::from(config).connect(name, tcp).await
}

async fn config() -> io::Result<Arc<ClientConfig>> {
    let found = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs)
        .await
        .map_err(io::Error::other)?;
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        return Err(io::Error::other(
            "this machine trusts no certificates: SSL_CERT_FILE may name a file",
        ));
    }
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use rustls::ServerConfig;
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    /// A certificate for `live.example` and 127.0.0.1, and its key; none where there is no `openssl`.
    fn certificate(dir: &Path, name: &str) -> Option<(CertificateDer<'static>, PrivateKeyDer<'static>)> {
        let [file, key] = ["pem", "key"].map(|end| dir.join(format!("{name}.{end}")));
        let output = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
            ])
            .args([
                "-days",
                "2",
                "-subj",
                "/CN=test",
                "-addext",
                "basicConstraints=critical,CA:FALSE",
            ])
            .args(["-addext", "subjectAltName=DNS:live.example,IP:127.0.0.1"])
            .args(["-keyout".as_ref(), key.as_os_str(), "-out".as_ref(), file.as_os_str()])
            .output()
            .ok()?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let certificate = CertificateDer::from_pem_file(file).unwrap();
        Some((certificate, PrivateKeyDer::from_pem_file(key).unwrap()))
    }

    fn trusting(certificate: &CertificateDer<'static>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).unwrap();
        Arc::new(
            ClientConfig::builder()
                .with_root_certificates(roots)
                .with_no_client_auth(),
        )
    }

    #[tokio::test]
    async fn the_certificate_must_be_the_hosts_and_be_trusted() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        let Some((ours, key)) = certificate(dir.path(), "ours") else {
            eprintln!("skipped: certificates of RTMPS: no `openssl` to make one");
            return;
        };
        let (other, _) = certificate(dir.path(), "other").unwrap();
        let server = ServerConfig::builder().with_no_client_auth();
        let acceptor = TlsAcceptor::from(Arc::new(server.with_single_cert(vec![ours.clone()], key).unwrap()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                if let Ok(mut tls) = acceptor.accept(tcp).await {
                    tls.write_all(b"x").await.unwrap();
                    tls.flush().await.unwrap();
                }
            }
        });
        for (trusted, host, is_good) in [
            (&ours, "live.example", true),
            (&ours, "live.example.", true),
            (&ours, "127.0.0.1", true),
            (&ours, "other.example", false),
            (&ours, "127.0.0.2", false),
            (&other, "live.example", false),
        ] {
            let tcp = TcpStream::connect(address).await.unwrap();
            match connect_trusting(trusting(trusted), tcp, host).await {
                Ok(mut tls) => {
                    assert!(is_good, "{host}");
                    assert_eq!(tls.read_u8().await.unwrap(), b'x');
                }
                Err(error) => assert!(!is_good && error.to_string().contains("certificate"), "{host}: {error}"),
            }
        }
    }
}
