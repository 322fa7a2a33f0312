//! From a URL to a connection, without a way around the judge.
//!
//! A name is resolved once for each connection; every address that comes is judged, and one of those that passed is
//! connected to, by its number. A name that resolves to something else a moment later is judged anew when it is next
//! used: there is no time between the look and the use.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use thiserror::Error;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::{Allow, Refusal};
use crate::rtmp_url::RtmpUrl;

/// More addresses of one name are not tried.
const MAX_ADDRESSES: usize = 4;
/// One of several addresses may be a hole that swallows what is sent there.
const EACH: Duration = Duration::from_secs(2);
/// What the kernel keeps of a programme that the destination does not take: a second of a good picture, and enough for
/// 20 Mbit/s across an ocean. Left to itself it keeps tens of seconds, and shows them to viewers later.
const SEND_BUFFER: u32 = 512 * 1024;

/// What is asked of a network; another one in tests.
pub trait Network {
    /// A connection.
    type Stream;

    /// The addresses of a name, each with the port.
    fn resolve(&self, host: &str, port: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send;

    /// Connects to an address.
    fn connect(&self, address: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// The real one.
#[derive(Clone, Copy, Debug)]
pub struct System;

impl Network for System {
    type Stream = TcpStream;

    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        socket.set_send_buffer_size(SEND_BUFFER)?;
        socket.connect(address).await
    }
}

/// Why there is no connection.
#[derive(Debug, Error)]
pub enum Unreached {
    /// The name has no address.
    #[error("its name cannot be resolved: {0}")]
    Unresolved(io::Error),
    /// None of its addresses may be connected to; this is the first one's fault.
    #[error("refused: {0}")]
    Refused(#[from] Refusal),
    /// Those that may be do not answer.
    #[error("{0}")]
    Unreachable(io::Error),
}

/// The addresses of `url` that may be connected to: at least one.
pub async fn permitted<N: Network>(network: &N, url: &RtmpUrl, allow: &Allow) -> Result<Vec<SocketAddr>, Unreached> {
    allow.judge_url(url)?;
    let addresses = match url.address() {
        Some(address) => vec![SocketAddr::new(address, url.port())],
        None => network
            .resolve(url.host(), url.port())
            .await
            .map_err(Unreached::Unresolved)?,
    };
    let mut refusal = None;
    let mut permitted = Vec::new();
    for address in addresses {
        match allow.judge(url, address.ip()) {
            Ok(()) => permitted.push(address),
            Err(refused) => refusal = refusal.or(Some(refused)),
        }
    }
    match (permitted.is_empty(), refusal) {
        (false, _) => {
            permitted.truncate(MAX_ADDRESSES);
            Ok(permitted)
        }
        (true, Some(refused)) => Err(refused.into()),
        (true, None) => Err(Unreached::Unresolved(io::Error::other("no address"))),
    }
}

/// Connects to one of the addresses of `url` that may be connected to.
pub async fn reach<N: Network>(network: &N, url: &RtmpUrl, allow: &Allow) -> Result<N::Stream, Unreached> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in permitted(network, url, allow).await? {
        match timeout(EACH, network.connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(Unreached::Unreachable(last))
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::net::IpAddr;
    use std::sync::Mutex;

    use super::*;

    /// Answers each question with the next answer, and takes note of every connection.
    #[derive(Default)]
    struct Rebinding {
        answers: Mutex<VecDeque<Vec<IpAddr>>>,
        connected: Mutex<Vec<SocketAddr>>,
        dead: Vec<IpAddr>,
    }

    impl Rebinding {
        fn new(answers: &[&[&str]]) -> Self {
            let read = |answer: &&[&str]| answer.iter().map(|text| text.parse().unwrap()).collect();
            Self {
                answers: Mutex::new(answers.iter().map(read).collect()),
                ..Self::default()
            }
        }

        fn connected(&self) -> Vec<String> {
            self.connected.lock().unwrap().iter().map(ToString::to_string).collect()
        }
    }

    impl Network for Rebinding {
        type Stream = SocketAddr;

        async fn resolve(&self, _: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
            let answer = self.answers.lock().unwrap().pop_front();
            let answer = answer.ok_or_else(|| io::Error::other("asked too often"))?;
            Ok(answer
                .into_iter()
                .map(|address| SocketAddr::new(address, port))
                .collect())
        }

        async fn connect(&self, address: SocketAddr) -> io::Result<SocketAddr> {
            self.connected.lock().unwrap().push(address);
            match self.dead.contains(&address.ip()) {
                true => Err(io::ErrorKind::ConnectionRefused.into()),
                false => Ok(address),
            }
        }
    }

    fn url(host: &str) -> RtmpUrl {
        RtmpUrl::parse(&format!("rtmp://{host}/app/key")).unwrap()
    }

    fn public() -> Allow {
        Allow::parse("*").unwrap()
    }

    #[tokio::test]
    async fn a_name_that_is_bound_anew_is_judged_anew() {
        let network = Rebinding::new(&[&["1.2.3.4"], &["169.254.169.254"], &["::ffff:127.0.0.1"], &["1.2.3.5"]]);
        let url = url("evil.example");
        assert!(reach(&network, &url, &public()).await.is_ok());
        for _ in 0..2 {
            let refused = reach(&network, &url, &public()).await;
            assert!(matches!(refused, Err(Unreached::Refused(_))), "{refused:?}");
        }
        assert!(
            reach(&network, &url, &public()).await.is_ok(),
            "and so is one that is well again"
        );
        assert_eq!(network.connected(), ["1.2.3.4:1935", "1.2.3.5:1935"]);
        assert!(
            network.answers.lock().unwrap().is_empty(),
            "one question for each connection"
        );
    }

    #[tokio::test]
    async fn only_what_was_judged_is_connected_to() {
        let mut network = Rebinding::new(&[&["10.0.0.1", "1.1.1.1", "::1", "2606:4700::1", "fd00::1"]]);
        network.dead = vec!["1.1.1.1".parse().unwrap()];
        let reached = reach(&network, &url("mixed.example"), &public()).await.unwrap();
        assert_eq!(reached.to_string(), "[2606:4700::1]:1935");
        assert_eq!(network.connected(), ["1.1.1.1:1935", "[2606:4700::1]:1935"]);
    }

    #[tokio::test]
    async fn numbers_that_only_a_resolver_understands_are_judged_as_it_does() {
        for host in ["2130706433", "0x7f.1", "127.1", "localhost"] {
            let network = Rebinding::new(&[&["127.0.0.1"]]);
            let refused = reach(&network, &url(host), &public()).await;
            assert!(matches!(refused, Err(Unreached::Refused(_))), "{host}: {refused:?}");
            assert!(network.connected().is_empty());
        }
        // And as the resolver of this machine does, whatever it makes of them.
        for host in [
            "2130706433",
            "0x7f.1",
            "127.1",
            "0",
            "localhost",
            "127.0.0.1",
            "[::1]",
            "[::]",
            "[::ffff:0:1]",
        ] {
            assert!(permitted(&System, &url(host), &public()).await.is_err(), "{host}");
        }
    }

    #[tokio::test]
    async fn an_address_is_not_looked_up() {
        let network = Rebinding::default();
        assert!(reach(&network, &url("1.2.3.4"), &public()).await.is_ok());
        assert!(reach(&network, &url("[::1]"), &public()).await.is_err());
        let no_such_port = RtmpUrl::parse("rtmp://a.example:22/app/key").unwrap();
        assert!(matches!(
            reach(&network, &no_such_port, &public()).await,
            Err(Unreached::Refused(_))
        ));
        assert_eq!(network.connected(), ["1.2.3.4:1935"]);
    }

    #[tokio::test]
    async fn a_name_without_addresses_is_no_success() {
        let network = Rebinding::new(&[&[]]);
        assert!(matches!(
            reach(&network, &url("empty.example"), &public()).await,
            Err(Unreached::Unresolved(_))
        ));
    }
}
