//! The router's hooks on their way to the media service: they end here, and are told late, in another order or never.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};

/// Hooks that are kept; a scene has a handful.
const MOST: usize = 256;
const ANSWER: &[u8] = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";

/// Takes hooks as the media service would.
#[derive(Debug)]
pub struct Hooks {
    url: String,
    kept: Arc<Mutex<Vec<Hook>>>,
}

#[derive(Clone, Debug)]
struct Hook {
    path: String,
    body: Vec<u8>,
}

impl Hooks {
    /// Takes them from now on.
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port for hooks")?;
        let url = format!("http://{}", listener.local_addr()?);
        let kept = Arc::<Mutex<Vec<Hook>>>::default();
        let shared = kept.clone();
        std::thread::Builder::new().name("hooks".to_owned()).spawn(move || {
            // It ends with the process: whoever still sends is answered.
            for socket in listener.incoming().map_while(Result::ok) {
                if let Ok(hook) = take(&socket) {
                    let mut kept = shared.lock().unwrap_or_else(PoisonError::into_inner);
                    if kept.len() < MOST {
                        kept.push(hook);
                    }
                }
            }
        })?;
        Ok(Self { url, kept })
    }

    /// Where they go.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How many were kept.
    pub fn count(&self) -> usize {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Tells the media service all that were kept, the last one first.
    pub fn tell_backwards(&self, media_url: &str) -> Result<()> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let client = reqwest::blocking::Client::new();
        for hook in kept.into_iter().rev() {
            let request = client.post(format!("{media_url}{}", hook.path));
            let request = request.header("content-type", "application/json").body(hook.body);
            let answer = request.send().context("a hook was not answered")?;
            answer.error_for_status().context("a hook was refused")?;
        }
        Ok(())
    }
}

fn take(mut socket: &TcpStream) -> Result<Hook> {
    let mut reader = BufReader::new(socket);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).context("no request")?.to_owned();
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        match line.trim().to_ascii_lowercase().split_once(':') {
            Some(("content-length", value)) => length = value.trim().parse()?,
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    socket.write_all(ANSWER)?;
    Ok(Hook { path, body })
}
