//! A server that answers each call of the real client with what a test wants to be answered.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Ends with the test's process.
pub(super) struct Stub {
    pub(super) endpoint: String,
    /// The actions asked for, in order.
    pub(super) asked: Arc<Mutex<Vec<String>>>,
}

/// Status and body of an answer, to an action with its form or JSON.
type Answer = Box<dyn FnMut(&str, &str) -> (u16, String) + Send>;

impl Stub {
    pub(super) fn new(mut answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let Some((action, body, stream)) = request(stream) else {
                    continue;
                };
                seen.lock().unwrap().push(action.clone());
                let (status, text) = answer(&action, &body);
                respond(stream, status, &text);
            }
        });
        Self { endpoint, asked }
    }

    /// An error as the services with XML answers give it.
    pub(super) fn error(code: &str, message: &str) -> String {
        format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
             <RequestId>1</RequestId></ErrorResponse>"
        )
    }
}

/// An action and what came with it.
fn request(stream: TcpStream) -> Option<(String, String, TcpStream)> {
    let mut reader = BufReader::new(stream);
    let (mut length, mut target) = (0, None);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim();
        if line.is_empty() {
            break;
        }
        let Some((name, value)) = line.split_once(": ") else {
            continue;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "x-amz-target" => target = value.split_once('.').map(|(_, action)| action.to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = String::from_utf8(body).ok()?;
    let form = body.split('&').find_map(|pair| pair.strip_prefix("Action="));
    let action = target.or_else(|| form.map(str::to_owned))?;
    Some((action, body, reader.into_inner()))
}

fn respond(mut stream: TcpStream, status: u16, body: &str) {
    let kind = if body.starts_with('{') {
        "application/x-amz-json-1.1"
    } else {
        "text/xml"
    };
    // A client that has gone away is that client's business.
    let _ = write!(
        stream,
        "HTTP/1.1 {status} Said\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
}
