//! Every route of every service with every kind of key.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use dragoman_tests::running;
use reqwest::Method;
use reqwest::blocking::Client;
use xtask::stack::{Router, Stack};

use crate::comparing::sources;

const MEDIA_KEY: &str = "the-key-of-the-media-service";
const SPEECH_KEY: &str = "the-key-of-the-speech-service";

/// Whose key a route asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asks {
    Media,
    Speech,
    /// Nobody's: a probe, a page, or the router, which listens on loopback only.
    Nothing,
}

/// Crate, path as it is written there, methods, whose key.
const ROUTES: &[(&str, &str, &[&str], Asks)] = &[
    ("media", "/", &["get"], Asks::Nothing),
    ("media", "/capacity", &["get"], Asks::Nothing),
    ("media", "/v1/drain", &["post", "delete"], Asks::Media),
    ("media", "/v1/mediamtx/events/{event}", &["post"], Asks::Media),
    ("media", "/v1/streams", &["get"], Asks::Media),
    ("media", "/v1/streams/{id}", &["get"], Asks::Media),
    ("media", "/v1/streams/{id}/worker", &["delete"], Asks::Media),
    ("media", "/v1/streams/{id}/dub", &["put"], Asks::Media),
    (
        "media",
        "/v1/streams/{id}/forwards",
        &["get", "put", "delete"],
        Asks::Media,
    ),
    ("speech", "/v1/dub", &["get", "post"], Asks::Speech),
    ("speech", "/v1/engine", &["get"], Asks::Speech),
    ("service", "/healthz", &["get"], Asks::Nothing),
    ("service", "/readyz", &["get"], Asks::Nothing),
    ("service", "/metrics", &["get"], Asks::Nothing),
    ("router", "/v3/info", &["get"], Asks::Nothing),
    ("router", "/v3/paths/list", &["get"], Asks::Nothing),
    ("router", "/v3/paths/get/{*name}", &["get"], Asks::Nothing),
    ("router", "/v3/rtmpconns/get/{id}", &["get"], Asks::Nothing),
    ("router", "/", &["get"], Asks::Nothing),
    ("router", "/healthz", &["get"], Asks::Nothing),
    ("router", "/-/streams", &["get"], Asks::Nothing),
    ("router", "/-/player.js", &["get"], Asks::Nothing),
    ("router", "/-/player.css", &["get"], Asks::Nothing),
    ("router", "/-/mpegts.js", &["get"], Asks::Nothing),
];

#[test]
fn the_table_has_every_route_of_the_code() -> Result<()> {
    let mut found = BTreeSet::new();
    for (file, text) in sources()? {
        let name = file.split('/').nth(1).context("a crate has a name")?.to_owned();
        for other in [".nest(", ".route_service(", ".nest_service(", ".fallback_service("] {
            ensure!(!text.contains(other), "{file} has {other}: teach this test to read it");
        }
        for call in text.split(".route(").skip(1) {
            let call = arguments(call);
            let path = call
                .split('"')
                .nth(1)
                .with_context(|| format!("{file}: no path in {call}"))?;
            let rest = call.split_once(path).map_or("", |(_, rest)| rest);
            for method in ["get", "post", "put", "delete", "patch", "any", "head", "options"] {
                let is_here = |start: &str| rest.contains(&format!("{start}{method}("));
                if [" ", "\n", ".", "::", ","].iter().any(|start| is_here(start)) {
                    found.insert((name.clone(), path.to_owned(), method.to_owned()));
                }
            }
            if rest.contains("asset(") {
                found.insert((name.clone(), path.to_owned(), "get".to_owned()));
            }
        }
    }
    let table: BTreeSet<_> = ROUTES
        .iter()
        .flat_map(|(name, path, methods, _)| {
            methods
                .iter()
                .map(|method| ((*name).to_owned(), (*path).to_owned(), (*method).to_owned()))
        })
        .collect();
    ensure!(
        found == table,
        "code without table {:?}, table without code {:?}",
        found.difference(&table).collect::<Vec<_>>(),
        table.difference(&found).collect::<Vec<_>>()
    );
    Ok(())
}

/// The text up to the parenthesis that closes the call.
fn arguments(call: &str) -> &str {
    let mut depth = 1;
    let end = call.find(|letter| {
        depth += match letter {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        depth == 0
    });
    end.map_or(call, |end| &call[..end])
}

#[test]
fn each_route_opens_to_its_own_key_and_to_no_other() -> Result<()> {
    let stack = running::start(
        Router::Own,
        &[("MEDIA_API_KEY", MEDIA_KEY)],
        &[("SPEECH_KEY", SPEECH_KEY)],
    )?;
    let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
    let mut asked = 0;
    for (name, path, methods, asks) in ROUTES {
        let bases = match (*name, path.starts_with("/v3")) {
            ("media", _) => vec![stack.media_url()],
            ("speech", _) => vec![stack.speech_url()],
            ("router", true) => vec![stack.router_api_url()],
            ("router", false) => vec![watch(&stack)],
            _ => vec![stack.media_url(), stack.speech_url()],
        };
        let path = path
            .replace("{event}", "ready")
            .replace("{*name}", "live/a/in")
            .replace("{id}", "a");
        for (base, method) in bases
            .iter()
            .flat_map(|base| methods.iter().map(move |method| (base, method)))
        {
            let url = format!("{base}{path}");
            for (what, header, right) in headers(*asks) {
                if right && (path.as_str(), *method) == ("/v1/drain", "post") {
                    // It ends a service without streams: the media service's own tests ask for it.
                    continue;
                }
                let mut request = client.request(Method::from_bytes(method.to_uppercase().as_bytes())?, &url);
                if let Some(header) = &header {
                    request = request.header("Authorization", header);
                }
                let answer = request.send().with_context(|| format!("{method} {url}"))?;
                let is_refused = answer.status() == 401;
                ensure!(is_refused != right, "{method} {url} with {what}: {}", answer.status());
                if is_refused {
                    ensure!(
                        answer.headers().contains_key("www-authenticate"),
                        "{method} {url} says how"
                    );
                    let body: serde_json::Value = answer.json()?;
                    ensure!(body["code"] == "unauthorized", "{method} {url} with {what}: {body}");
                }
                asked += 1;
            }
        }
    }
    println!("{asked} requests to {} routes", ROUTES.len());
    Ok(())
}

/// What to ask with, and whether that must open.
fn headers(asks: Asks) -> Vec<(&'static str, Option<String>, bool)> {
    let open = asks == Asks::Nothing;
    let (own, other) = match asks {
        Asks::Speech => (SPEECH_KEY, MEDIA_KEY),
        _ => (MEDIA_KEY, SPEECH_KEY),
    };
    vec![
        ("no key", None, open),
        ("an empty key", Some("Bearer ".into()), open),
        ("a wrong key", Some("Bearer wrong".into()), open),
        ("the other service's key", Some(format!("Bearer {other}")), open),
        (
            "the key's beginning",
            Some(format!("Bearer {}", &own[..own.len() - 1])),
            open,
        ),
        ("the key and more", Some(format!("Bearer {own}x")), open),
        ("both keys", Some(format!("Bearer {other},{own}")), open),
        ("the key in another scheme", Some(format!("Basic {own}")), open),
        ("the right key", Some(format!("Bearer {own}")), true),
    ]
}

fn watch(stack: &Stack) -> String {
    stack.watch_url("").trim_end_matches('/').to_owned()
}
