//! Whether a registry has an image for a host's processor, asked before anything is rented.
//!
//! The interface is the OCI distribution specification's; a registry that wants a token says where, and gives one to
//! anybody for a public image. Private images are the hosts' affair, so what cannot be asked is said and not an error.

use std::fmt;
use std::io::Read;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use ureq::Agent;
use ureq::http::{Response, StatusCode};

const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";
/// Manifests and configurations are a few kilobytes.
const MAX_BODY: u64 = 4 << 20;
const TIMEOUT: Duration = Duration::from_secs(20);

/// What became of the question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// It is there, for this processor too.
    Fits,
    /// It is there, for other processors.
    Other(Vec<String>),
    /// It is not there.
    Missing,
    /// The registry did not say.
    Unknown(String),
}

/// An image by digest, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image<'a> {
    registry: &'a str,
    name: &'a str,
    digest: &'a str,
}

impl<'a> Image<'a> {
    /// From `registry/name@sha256:…`, where a first part without dot and colon is a name at Docker Hub.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Image<'a>> {
        let (whole, digest) = text.split_once('@')?;
        let (first, rest) = whole.split_once('/')?;
        let is_host = first.contains(['.', ':']) || first == "localhost";
        let (registry, name) = if is_host {
            (first, rest)
        } else {
            ("registry-1.docker.io", whole)
        };
        let name = name.split_once(':').map_or(name, |(name, _tag)| name);
        Some(Image { registry, name, digest })
    }

    fn base(&self) -> String {
        let host = self.registry.split(':').next().unwrap_or_default();
        let scheme = match host == "localhost"
            || host
                .parse()
                .is_ok_and(|address: std::net::IpAddr| address.is_loopback())
        {
            true => "http",
            false => "https",
        };
        format!("{scheme}://{}/v2/{}", self.registry, self.name)
    }
}

impl fmt::Display for Image<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}@{}", self.registry, self.name, self.digest)
    }
}

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    manifests: Vec<Entry>,
    config: Option<Blob>,
}

#[derive(Deserialize)]
struct Entry {
    platform: Option<Platform>,
}

#[derive(Deserialize)]
struct Blob {
    digest: String,
}

#[derive(Deserialize)]
struct Platform {
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    os: String,
}

#[derive(Deserialize)]
struct Token {
    #[serde(alias = "access_token")]
    token: String,
}

/// Asks for `image` on `linux/<architecture>`.
#[must_use]
pub fn find(image: &Image<'_>, architecture: &str) -> Found {
    let agent = Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .http_status_as_error(false)
        .build()
        .new_agent();
    match ask(&agent, image) {
        Ok(None) => Found::Missing,
        Ok(Some(architectures)) if architectures.iter().any(|found| found == architecture) => Found::Fits,
        Ok(Some(architectures)) => Found::Other(architectures),
        Err(error) => Found::Unknown(format!("{error:#}")),
    }
}

/// The architectures of an image; `None` when it is not there.
fn ask(agent: &Agent, image: &Image<'_>) -> Result<Option<Vec<String>>> {
    let mut token = None;
    let url = format!("{}/manifests/{}", image.base(), image.digest);
    let mut answer = get(agent, &url, token.as_deref())?;
    if answer.status() == StatusCode::UNAUTHORIZED {
        token = Some(anonymous(agent, &answer, image)?);
        answer = get(agent, &url, token.as_deref())?;
    }
    if answer.status() == StatusCode::NOT_FOUND {
        return Ok(None);
    }
    let body = whole(answer)?;
    check(&body, image.digest)?;
    let manifest: Manifest = serde_json::from_slice(&body).context("the manifest is not understood")?;
    let Some(config) = manifest.config else {
        let platforms = manifest.manifests.into_iter().filter_map(|entry| entry.platform);
        return Ok(Some(
            platforms
                .filter(|platform| platform.os == "linux")
                .map(|platform| platform.architecture)
                .collect(),
        ));
    };
    let body = whole(get(
        agent,
        &format!("{}/blobs/{}", image.base(), config.digest),
        token.as_deref(),
    )?)?;
    check(&body, &config.digest)?;
    let platform: Platform = serde_json::from_slice(&body).context("the configuration is not understood")?;
    Ok(Some(vec![platform.architecture]))
}

fn get(agent: &Agent, url: &str, token: Option<&str>) -> Result<Response<ureq::Body>> {
    let mut request = agent.get(url).header("accept", ACCEPT);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    Ok(request.call()?)
}

fn whole(answer: Response<ureq::Body>) -> Result<Vec<u8>> {
    let status = answer.status();
    if !status.is_success() {
        bail!("the registry answers {status}");
    }
    let mut body = Vec::new();
    answer.into_body().into_reader().take(MAX_BODY).read_to_end(&mut body)?;
    Ok(body)
}

/// A registry that hands out something else is not believed.
fn check(body: &[u8], digest: &str) -> Result<()> {
    let found = format!("sha256:{}", hex(&Sha256::digest(body)));
    if found != digest {
        bail!("the registry sends {found} where {digest} was asked for");
    }
    Ok(())
}

/// The token that anybody gets, from where the refusal says.
fn anonymous(agent: &Agent, answer: &Response<ureq::Body>, image: &Image<'_>) -> Result<String> {
    let challenge = answer
        .headers()
        .get("www-authenticate")
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .context("the registry wants a login")?;
    let field = |name: &str| {
        challenge
            .split(',')
            .filter_map(|part| part.trim().split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.trim_matches('"'))
    };
    let mut url = url::Url::parse(field("realm").context("the registry names no realm")?)?;
    if url.scheme() != "https" && !image.base().starts_with("http://") {
        bail!("the registry's realm is not https");
    }
    url.query_pairs_mut()
        .append_pair("scope", &format!("repository:{}:pull", image.name));
    if let Some(service) = field("service") {
        url.query_pairs_mut().append_pair("service", service);
    }
    let answer = whole(get(agent, url.as_str(), None)?).context("it is not public")?;
    let Token { token } = serde_json::from_slice(&answer).context("the registry's token is not understood")?;
    Ok(token)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;

    /// Answers each connection with what `of` says of its path and its token.
    fn server(of: impl Fn(&str, bool) -> (u16, String) + Send + 'static) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let realm = address.clone();
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let mut lines = BufReader::new(&socket).lines().map_while(|line| line.ok());
                let first = lines.next().unwrap_or_default();
                let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
                let has_token = head
                    .iter()
                    .any(|line| line.to_lowercase() == "authorization: bearer t0ken");
                let (status, body) = of(first.split(' ').nth(1).unwrap_or_default(), has_token);
                let mut answer = format!(
                    "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n",
                    body.len()
                );
                if status == 401 {
                    answer += &format!("www-authenticate: Bearer realm=\"http://{realm}/token\",service=\"s\"\r\n");
                }
                let _ = (&socket).write_all(format!("{answer}\r\n{body}").as_bytes());
            }
        });
        address
    }

    fn digest(body: &str) -> String {
        format!("sha256:{}", hex(&Sha256::digest(body)))
    }

    #[test]
    fn an_index_lists_its_processors_and_a_token_is_fetched() {
        let index = r#"{"manifests":[{"platform":{"os":"linux","architecture":"amd64"}},{"platform":{"os":"unknown","architecture":"unknown"}}]}"#;
        let address = server(move |path, has_token| match path {
            path if path.starts_with("/token?") => (200, r#"{"token":"t0ken"}"#.into()),
            _ if !has_token => (401, String::new()),
            path if path.ends_with(&digest(index)) => (200, index.to_owned()),
            _ => (404, String::new()),
        });
        let image = format!("{address}/a/media@{}", digest(index));
        let image = Image::parse(&image).unwrap();
        assert_eq!(find(&image, "amd64"), Found::Fits);
        assert_eq!(find(&image, "arm64"), Found::Other(vec!["amd64".into()]));
        let none = format!("{address}/a/media@sha256:{}", "0".repeat(64));
        assert_eq!(find(&Image::parse(&none).unwrap(), "amd64"), Found::Missing);
    }

    #[test]
    fn a_single_image_says_so_in_its_configuration_and_a_wrong_body_is_not_believed() {
        let config = r#"{"architecture":"arm64","os":"linux"}"#;
        let manifest = format!(r#"{{"config":{{"digest":"{}"}}}}"#, digest(config));
        let wanted = digest(&manifest);
        let served = manifest.clone();
        let address = server(move |path, _| match path.contains("/blobs/") {
            true => (200, config.to_owned()),
            false => (200, served.clone()),
        });
        let image = format!("{address}/media@{wanted}");
        assert_eq!(find(&Image::parse(&image).unwrap(), "arm64"), Found::Fits);
        let other = format!("{address}/media@sha256:{}", "0".repeat(64));
        let found = find(&Image::parse(&other).unwrap(), "arm64");
        assert!(
            matches!(&found, Found::Unknown(why) if why.contains("asked for")),
            "{found:?}"
        );
    }

    #[test]
    fn names_are_taken_apart() {
        let image = |text| Image::parse(text).unwrap().base();
        assert_eq!(image("ghcr.io/a/b:1@sha256:0"), "https://ghcr.io/v2/a/b");
        assert_eq!(image("a/b@sha256:0"), "https://registry-1.docker.io/v2/a/b");
        assert_eq!(image("localhost:5000/b@sha256:0"), "http://localhost:5000/v2/b");
        assert_eq!(Image::parse("a/b:1"), None);
    }
}
