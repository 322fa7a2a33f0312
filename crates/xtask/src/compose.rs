//! What `compose.yaml` asks for, read as text: enough to say which images and ports `docker compose up` needs and which
//! variables it hands on, on a machine that has no Docker yet.
//!
//! It knows the form in which that file is written (two spaces a level, lists of one line an item), not YAML.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Looks a variable up.
pub type Lookup<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// One service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// As the file calls it.
    pub name: String,
    /// The image that it runs.
    pub image: String,
    /// Ports of this machine.
    pub ports: Vec<Port>,
    /// Names of the variables in its container; those without a value are handed on from outside.
    pub environment: Vec<String>,
    /// Only started when asked for.
    pub is_optional: bool,
}

/// A port of this machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Port {
    /// On which address.
    pub address: String,
    /// Which.
    pub number: u16,
    /// UDP instead of TCP.
    pub is_udp: bool,
    /// The variable that gives it another number, if there is one.
    pub variable: Option<String>,
}

/// The services that `text` names, with its variables as `lookup` has them.
pub fn services(text: &str, lookup: &Lookup<'_>) -> Vec<Service> {
    let mut services: Vec<Service> = Vec::new();
    let mut part = "";
    let mut key = "";
    for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
        let content = line.trim_start();
        let indent = line.len() - content.len();
        let (name, value) = content.split_once(':').unwrap_or((content, ""));
        let value = value.trim();
        match indent {
            _ if content.is_empty() => {}
            0 => part = name,
            _ if part != "services" => {}
            2 => services.push(Service {
                name: name.to_owned(),
                ..Service::default()
            }),
            4 => {
                key = name;
                let Some(service) = services.last_mut() else { continue };
                match key {
                    "image" => service.image = interpolate(unquoted(value), lookup),
                    "profiles" => service.is_optional = true,
                    _ => {}
                }
            }
            _ => {
                let Some(service) = services.last_mut() else { continue };
                let item = content.strip_prefix("- ").map(unquoted);
                match (key, item) {
                    ("ports", Some(item)) => service.ports.extend(port(item, lookup)),
                    ("environment", Some(item)) => {
                        let item = interpolate(item, lookup);
                        let name = item.split_once('=').map_or(item.as_str(), |(name, _)| name);
                        service.environment.push(name.to_owned());
                    }
                    ("environment", None) => service.environment.push(name.to_owned()),
                    _ => {}
                }
            }
        }
    }
    services
}

/// Every variable that `text` takes from outside.
pub fn variables(text: &str) -> BTreeSet<String> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let named = code.flat_map(|line| line.split("${").skip(1).map(leading_name).map(str::to_owned));
    named.filter(|name| !name.is_empty()).collect()
}

fn leading_name(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    &text[..end.unwrap_or(text.len())]
}

fn unquoted(text: &str) -> &str {
    let text = text.trim();
    let quoted = ['"', '\'']
        .into_iter()
        .find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote));
    quoted.unwrap_or(text)
}

/// `[address:]port:inside[/protocol]`
fn port(item: &str, lookup: &Lookup<'_>) -> Option<Port> {
    let text = interpolate(item, lookup);
    let (rest, protocol) = text.split_once('/').unwrap_or((&text, "tcp"));
    let (outside, _inside) = rest.rsplit_once(':')?;
    let (address, number) = outside.rsplit_once(':').unwrap_or(("0.0.0.0", outside));
    Some(Port {
        address: address.trim_matches(['[', ']']).to_owned(),
        number: number.parse().ok()?,
        is_udp: protocol == "udp",
        variable: variables(item).into_iter().find(|name| name.ends_with("_PORT")),
    })
}

/// `text` with `${NAME}`, `${NAME:-default}`, `${NAME-default}`, `${NAME:+instead}` and `${NAME+instead}` replaced; what
/// stands in them may hold others.
pub fn interpolate(text: &str, lookup: &Lookup<'_>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out += &rest[..at];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some(inside) = rest.strip_prefix('{') {
            let end = closing(inside).unwrap_or(inside.len());
            out += &expand(&inside[..end], lookup);
            rest = inside.get(end + 1..).unwrap_or_default();
        } else {
            out.push('$');
        }
    }
    out + rest
}

/// Where the brace closes that was opened before `text`.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 1;
    text.char_indices().find_map(|(at, c)| {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        (depth == 0).then_some(at)
    })
}

fn expand(inside: &str, lookup: &Lookup<'_>) -> String {
    let name = leading_name(inside);
    let rest = &inside[name.len()..];
    let (is_colon, rest) = rest.strip_prefix(':').map_or((false, rest), |rest| (true, rest));
    let value = lookup(name).filter(|value| !is_colon || !value.is_empty());
    match (rest.chars().next(), value) {
        (Some('-'), None) | (Some('+'), Some(_)) => interpolate(&rest[1..], lookup),
        (Some('+'), None) => String::new(),
        (_, value) => value.unwrap_or_default(),
    }
}

/// What an `.env` file sets; a file that is not there sets nothing.
pub fn env_file(path: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = |line: &str| {
        let line = line.trim();
        let (name, value) = line.strip_prefix("export ").unwrap_or(line).split_once('=')?;
        (!line.starts_with('#')).then(|| (name.trim().to_owned(), unquoted(value).to_owned()))
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
# ${NOT_THIS}
name: ${PROJECT:-dragoman}

x-service: &service
  read_only: true

services:
  router:
    <<: *service
    image: ${PREFIX:-}router:${TAG:-1}
    ports:
      - "${BIND:-127.0.0.1}:${RTMP_PORT:-1935}:1935"
      # A comment.
      - "8890:8890/udp"
    environment:
      - LOG
      - MODE=${MODE:-cpu}
      - KEY${KEY_FILE:+_FILE=/run/secrets/key}
  publish:
    profiles: [publish]
    image: ${IMAGE:-${PREFIX:-}media:1}
    environment:
      URL: rtmp://router:1935
volumes:
  models:
"#;

    #[test]
    fn services_are_read_with_and_without_variables() {
        let none = services(FILE, &|_| None);
        let [router, publish] = none.as_slice() else {
            panic!("{none:?}")
        };
        assert_eq!((router.image.as_str(), router.is_optional), ("router:1", false));
        assert_eq!((publish.image.as_str(), publish.is_optional), ("media:1", true));
        assert_eq!(router.environment, ["LOG", "MODE", "KEY"]);
        assert_eq!(publish.environment, ["URL"]);
        let port = |address: &str, number, is_udp, variable: Option<&str>| Port {
            address: address.to_owned(),
            number,
            is_udp,
            variable: variable.map(str::to_owned),
        };
        assert_eq!(
            router.ports,
            [
                port("127.0.0.1", 1935, false, Some("RTMP_PORT")),
                port("0.0.0.0", 8890, true, None)
            ]
        );
        let set = services(FILE, &|name| {
            Some(if name.ends_with("PORT") { "99" } else { "x" }.to_owned())
        });
        assert_eq!(set[0].image, "xrouter:x");
        assert_eq!(set[0].ports[0], port("x", 99, false, Some("RTMP_PORT")));
        assert_eq!(set[0].environment[2], "KEY_FILE");
        assert_eq!(set[1].image, "x");
    }

    #[test]
    fn variables_are_found_also_within_others() {
        let found = variables(FILE);
        let expected = [
            "BIND",
            "IMAGE",
            "KEY_FILE",
            "MODE",
            "PREFIX",
            "PROJECT",
            "RTMP_PORT",
            "TAG",
        ];
        assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_dollar_that_is_none_of_ours_stays() {
        assert_eq!(
            interpolate("a$$b $c ${X} ${Y-d} ${Z", &|name| (name == "Y").then(String::new)),
            "a$b $c   "
        );
    }
}
