//! The speech hosts of a split, asked as the media service would ask them: are they there, and do they take the key?

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use ureq::Agent;

/// A host on another continent answers within a second; one that does not answer is not waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// What a host said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Nothing, and why.
    Silent(String),
    /// It is there, but does not say that it is well: its status.
    Unwell(String),
    /// It is there and does not take the key.
    Refused { engine: String },
    /// It is there and takes the key.
    Taken { engine: String },
    /// It is there and asks nobody for a key.
    Open { engine: String },
}

/// Asks the host at `url` (`ws://` or `wss://`): a plain request to `/healthz`, then one for which the key is needed.
pub(super) fn ask(url: &str, key: Option<&str>, patience: Duration) -> Said {
    let base = url.trim_end_matches('/').replacen("ws", "http", 1);
    let health = match get(&format!("{base}/healthz"), None, patience) {
        Ok(answer) => answer,
        Err(reason) => return Said::Silent(reason),
    };
    let engine = health.1["engine"].as_str().unwrap_or("unknown").to_owned();
    if health.0 != 200 {
        let status = health.1["status"].as_str().unwrap_or("no service of ours").to_owned();
        return Said::Unwell(format!("{} ({status})", health.0));
    }
    let about = format!("{base}/v1/engine");
    match (get(&about, None, patience), get(&about, key, patience)) {
        (Ok((200, _)), _) => Said::Open { engine },
        (_, Ok((200, _))) => Said::Taken { engine },
        (_, Ok((401, _))) => Said::Refused { engine },
        (_, Ok((status, _))) => Said::Unwell(format!("{status} where the key is asked for")),
        (_, Err(reason)) => Said::Silent(reason),
    }
}

/// Status and body of `GET url`.
fn get(url: &str, key: Option<&str>, patience: Duration) -> Result<(u16, Value), String> {
    if url.starts_with("https://") {
        return get_by_curl(url, key, patience);
    }
    let config = Agent::config_builder()
        .timeout_global(Some(patience))
        .http_status_as_error(false);
    let agent: Agent = config.build().into();
    let mut request = agent.get(url);
    if let Some(key) = key {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    let mut answer = request.call().map_err(|error| error.to_string())?;
    let body = answer.body_mut().read_to_string().map_err(|error| error.to_string())?;
    Ok((
        answer.status().as_u16(),
        serde_json::from_str(&body).unwrap_or_default(),
    ))
}

/// This program links no TLS. The key goes through standard input, since others can read a command line.
fn get_by_curl(url: &str, key: Option<&str>, patience: Duration) -> Result<(u16, Value), String> {
    let seconds = patience.as_secs_f64().to_string();
    let mut curl = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", &seconds, "--config", "-"])
        .args(["--write-out", "\n%{http_code}", url])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("not asked: curl cannot be run ({error})"))?;
    if let (Some(mut input), Some(key)) = (curl.stdin.take(), key) {
        let header = format!("header = \"Authorization: Bearer {}\"\n", key.replace(['"', '\\'], ""));
        input.write_all(header.as_bytes()).map_err(|error| error.to_string())?;
    }
    let output = curl.wait_with_output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (body, status) = text.rsplit_once('\n').unwrap_or(("", &text));
    let status = status.trim().parse().map_err(|_| "curl says no status".to_owned())?;
    Ok((status, serde_json::from_str(body).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    /// A speech host that takes `key`, or anybody; its address.
    fn host(key: Option<&'static str>, health: u16) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                answer(socket, key, health);
            }
        });
        url
    }

    fn answer(mut socket: TcpStream, key: Option<&str>, health: u16) {
        let lines = BufReader::new(socket.try_clone().unwrap())
            .lines()
            .map_while(Result::ok);
        let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
        let bearer = head.iter().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("authorization")
                .then(|| value.trim_start_matches("Bearer ").to_owned())
        });
        let status = match head[0].as_str() {
            "GET /healthz HTTP/1.1" => health,
            "GET /v1/engine HTTP/1.1" if key.is_none() || bearer.as_deref() == key => 200,
            "GET /v1/engine HTTP/1.1" => 401,
            _ => 404,
        };
        let body = r#"{"status":"loading","engine":"mock"}"#;
        let length = body.len();
        let _ = write!(
            socket,
            "HTTP/1.1 {status} x\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
    }

    #[test]
    fn a_host_is_asked_for_its_health_and_with_the_key() {
        let engine = || "mock".to_owned();
        let keyed = host(Some("k"), 200);
        assert_eq!(ask(&keyed, Some("k"), PATIENCE), Said::Taken { engine: engine() });
        assert_eq!(ask(&keyed, Some("other"), PATIENCE), Said::Refused { engine: engine() });
        assert_eq!(ask(&keyed, None, PATIENCE), Said::Refused { engine: engine() });
        assert_eq!(
            ask(&host(None, 200), Some("k"), PATIENCE),
            Said::Open { engine: engine() }
        );
        assert_eq!(
            ask(&host(Some("k"), 503), Some("k"), PATIENCE),
            Said::Unwell("503 (loading)".to_owned())
        );
    }

    #[test]
    fn a_host_that_is_not_there_or_says_nothing_is_not_waited_for() {
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("ws://{}", nobody.local_addr().unwrap());
        // It is listened on, and never answered.
        let said = ask(&url, None, Duration::from_millis(200));
        assert!(
            matches!(&said, Said::Silent(reason) if reason.contains("timeout")),
            "{said:?}"
        );
        drop(nobody);
        let said = ask(&url, None, PATIENCE);
        assert!(
            matches!(&said, Said::Silent(reason) if reason.contains("refused")),
            "{said:?}"
        );
        let said = ask(&url.replacen("ws://", "wss://", 1), Some("k"), PATIENCE);
        assert!(matches!(&said, Said::Silent(reason) if !reason.is_empty()), "{said:?}");
    }
}
