//! A page in a Chromium without a screen, asked through its debugging socket.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::{Message, WebSocket, client};

use crate::eventually::eventually;

/// An answer takes milliseconds, on a very busy machine seconds.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);

/// An open page.
#[derive(Debug)]
pub struct Page {
    browser: Child,
    socket: WebSocket<TcpStream>,
    asked: u64,
    _profile: TempDir,
}

impl Page {
    /// Opens `url` in a browser of its own. Sound may start without a click.
    pub fn open(browser: &Path, url: &str) -> Result<Self> {
        let profile = tempfile::tempdir().context("cannot make a directory")?;
        let browser = Command::new(browser)
            .args([
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--mute-audio",
                "--no-first-run",
            ])
            .args([
                "--autoplay-policy=no-user-gesture-required",
                "--remote-debugging-port=0",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(url)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot run the browser")?;
        // From here on a failure ends the browser.
        let mut browser = Guard(Some(browser));
        let port = eventually("the browser says its port", || Ok(port(profile.path())), String::new)?;
        let page = eventually("the browser has the page", || Ok(socket_url(&port, url)), String::new)?;
        let stream = TcpStream::connect(format!("127.0.0.1:{port}")).context("cannot reach the browser")?;
        stream.set_read_timeout(Some(ANSWERS_WITHIN))?;
        let (socket, _) = client(page, stream).map_err(|error| anyhow!("cannot talk to the browser: {error}"))?;
        let browser = browser.0.take().context("the browser is gone")?;
        Ok(Self {
            browser,
            socket,
            asked: 0,
            _profile: profile,
        })
    }

    /// The value of a JavaScript expression in the page.
    pub fn evaluate(&mut self, expression: &str) -> Result<Value> {
        self.asked += 1;
        let params = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let question = json!({ "id": self.asked, "method": "Runtime.evaluate", "params": params });
        self.socket
            .send(Message::text(question.to_string()))
            .context("the browser does not listen")?;
        loop {
            let Message::Text(text) = self.socket.read().context("the browser does not answer")? else {
                continue;
            };
            let answer: Value = serde_json::from_str(&text).context("the browser answered no JSON")?;
            if answer["id"] != self.asked {
                continue;
            }
            let result = &answer["result"];
            if !result["exceptionDetails"].is_null() || !answer["error"].is_null() {
                bail!("{expression} failed: {answer}");
            }
            return Ok(result["result"]["value"].clone());
        }
    }

    /// Waits until an expression is true; what the page shows is the explanation when it never is.
    pub fn wait_until(&mut self, what: &str, expression: &str) -> Result<()> {
        // What is not there yet throws, and so is not true yet.
        let question = format!("(() => {{ try {{ return Boolean({expression}) }} catch {{ return false }} }})()");
        let outcome = eventually(
            what,
            || Ok((self.evaluate(&question)? == true).then_some(())),
            String::new,
        );
        outcome.map_err(|error| match self.evaluate("document.body.innerText") {
            Ok(shown) => error.context(format!("the page shows {shown}")),
            Err(_) => error,
        })
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = self.browser.kill();
        let _ = self.browser.wait();
    }
}

struct Guard(Option<Child>);

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(mut browser) = self.0.take() {
            let _ = browser.kill();
            let _ = browser.wait();
        }
    }
}

/// The first line of a file that the browser writes when it listens.
fn port(profile: &Path) -> Option<String> {
    let text = std::fs::read_to_string(profile.join("DevToolsActivePort")).ok()?;
    text.lines().next().map(str::to_owned)
}

fn socket_url(port: &str, url: &str) -> Option<String> {
    let pages = xtask::http::get_json(&format!("http://127.0.0.1:{port}/json/list"), None).ok()?;
    let page = pages
        .as_array()?
        .iter()
        .find(|page| page["type"] == "page" && page["url"] == url)?;
    page["webSocketDebuggerUrl"].as_str().map(str::to_owned)
}
