//! The instance metadata service, version 2, as far as cloud-init and the host ask; and the one call of CloudFormation
//! that the emulator does not have.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;

/// What an instance is called here.
pub const INSTANCE: &str = "i-0123456789abcdef0";
const ROLE: &str = "dragoman-host";
/// The longest request that is read.
const LONGEST: u64 = 65_536;

/// A running service; dropping it closes it.
#[derive(Debug)]
pub struct Metadata {
    inner: Arc<Inner>,
    listen: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Inner {
    user_data: String,
    credentials: String,
    token: String,
    signals: Mutex<Vec<String>>,
    refused: AtomicU64,
    is_closed: AtomicBool,
}

impl Metadata {
    /// Gives out `user_data`, and these credentials to who has a token.
    pub fn start(listen: SocketAddr, user_data: String, key: &str, secret: &str, session: &str) -> Result<Self> {
        let credentials = json!({
            "Code": "Success", "Type": "AWS-HMAC", "LastUpdated": "2026-01-01T00:00:00Z", "Expiration": "2099-01-01T00:00:00Z",
            "AccessKeyId": key, "SecretAccessKey": secret, "Token": session,
        });
        let inner = Arc::new(Inner {
            user_data,
            credentials: credentials.to_string(),
            token: format!("metadata-{session}"),
            signals: Mutex::default(),
            refused: AtomicU64::new(0),
            is_closed: AtomicBool::new(false),
        });
        let listener = TcpListener::bind(listen).with_context(|| format!("cannot listen at {listen}"))?;
        let shared = inner.clone();
        let thread = std::thread::Builder::new().name("metadata".to_owned()).spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.is_closed.load(Ordering::Relaxed) {
                    return;
                }
                let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
                let _ = shared.serve(&stream);
            }
        })?;
        Ok(Self {
            inner,
            listen,
            thread: Some(thread),
        })
    }

    /// What stacks were told: the bodies of `SignalResource`.
    pub fn signals(&self) -> Vec<String> {
        self.inner
            .signals
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// How often credentials were asked for without a token.
    pub fn refused(&self) -> u64 {
        self.inner.refused.load(Ordering::Relaxed)
    }
}

impl Drop for Metadata {
    fn drop(&mut self) {
        self.inner.is_closed.store(true, Ordering::Relaxed);
        // It waits for somebody to come.
        let _ = TcpStream::connect_timeout(&self.listen, Duration::from_secs(1));
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Inner {
    fn serve(&self, stream: &TcpStream) -> Result<()> {
        let mut reader = BufReader::new(stream.take(LONGEST));
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let mut words = line.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let (mut length, mut token) = (0, String::new());
        loop {
            let mut header = String::new();
            if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = header.split_once(':') {
                match name.to_ascii_lowercase().as_str() {
                    "content-length" => length = value.trim().parse().unwrap_or(0),
                    "x-aws-ec2-metadata-token" => value.trim().clone_into(&mut token),
                    _ => {}
                }
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let (status, answer) = self.answer(method, path, &token, &String::from_utf8_lossy(&body));
        let mut stream = stream;
        write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{answer}",
            answer.len()
        )?;
        Ok(())
    }

    fn answer(&self, method: &str, path: &str, token: &str, body: &str) -> (&'static str, String) {
        const OK: &str = "200 OK";
        if method == "POST" && body.contains("Action=SignalResource") {
            self.signals
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(body.to_owned());
            return (OK, "<SignalResourceResponse/>".to_owned());
        }
        // `/latest/…` or `/<date>/…`.
        let path = path
            .trim_start_matches('/')
            .split_once('/')
            .map_or("", |(_, rest)| rest);
        if path.starts_with("meta-data/iam/") && token != self.token {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return ("401 Unauthorized", String::new());
        }
        let answer = match (method, path.trim_end_matches('/')) {
            ("PUT", "api/token") => self.token.clone(),
            ("GET", "user-data") => self.user_data.clone(),
            ("GET", "meta-data") => "ami-id\nhostname\ninstance-id\nlocal-hostname\n".to_owned(),
            ("GET", "meta-data/ami-id") => "ami-0123456789abcdef0".to_owned(),
            ("GET", "meta-data/hostname" | "meta-data/local-hostname") => "host".to_owned(),
            ("GET", "meta-data/instance-id") => INSTANCE.to_owned(),
            ("GET", "meta-data/iam/security-credentials") => ROLE.to_owned(),
            ("GET", "meta-data/iam/security-credentials/dragoman-host") => self.credentials.clone(),
            _ => return ("404 Not Found", String::new()),
        };
        (OK, answer)
    }
}
