//! What the router says: a client of the part of MediaMTX's control API that is needed.

use std::time::Duration;

use anyhow::{Context, bail};
use dragoman_service::config::Secret;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::plan::{below, stream_of};
use super::session::Source;

/// The router answers in milliseconds or is in trouble.
const TIMEOUT: Duration = Duration::from_millis(1500);
/// A path with its readers has about 1 kB.
const MAX_ANSWER: usize = 8 << 20;
const PER_PAGE: usize = 1000;
const MAX_PAGES: usize = 20;

/// Asks the router.
pub(crate) struct Client {
    http: reqwest::Client,
    api: Url,
    login: Option<(Secret, Secret)>,
}

/// A source that the router lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    /// The stream; its id is not judged.
    pub(crate) stream: String,
    /// `rtmpConn`, `srtConn`, …
    pub(crate) kind: String,
    /// The publisher; its query is not in the list.
    pub(crate) source: Source,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    #[serde(default)]
    page_count: usize,
    #[serde(default)]
    pub(super) items: Vec<Item>,
}

#[derive(Deserialize)]
pub(super) struct Item {
    name: String,
    /// The name of `available` before MediaMTX 1.19.3.
    #[serde(default)]
    ready: bool,
    #[serde(default)]
    available: bool,
    source: Option<ItemSource>,
    tracks: Option<Vec<String>>,
    tracks2: Option<Vec<Track>>,
}

#[derive(Deserialize)]
struct ItemSource {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    id: String,
}

#[derive(Deserialize)]
struct Track {
    codec: String,
}

#[derive(Deserialize)]
pub(super) struct Connection {
    #[serde(default)]
    pub(super) query: String,
}

impl Client {
    /// A client of the API at `api`.
    pub(crate) fn new(api: Url, login: Option<(Secret, Secret)>) -> anyhow::Result<Client> {
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .no_proxy()
            .build()
            .context("build http client")?;
        Ok(Client { http, api, login })
    }

    /// The sources of all streams.
    pub(crate) async fn list(&self) -> anyhow::Result<Vec<Listed>> {
        let mut listed = Vec::new();
        for page in 0..MAX_PAGES {
            let path = "v3/paths/list";
            let query = format!("itemsPerPage={PER_PAGE}&page={page}");
            let answer: Page = self
                .get(path, Some(&query))
                .await?
                .with_context(|| format!("no /{path}"))?;
            listed.extend(answer.items.into_iter().filter_map(Item::listed));
            if page + 1 >= answer.page_count {
                return Ok(listed);
            }
        }
        bail!("more than {} paths", MAX_PAGES * PER_PAGE)
    }

    /// The query of a publisher's URL; empty where the router keeps none.
    pub(crate) async fn query(&self, kind: &str, id: &str) -> anyhow::Result<String> {
        let list = match kind {
            "rtmpConn" => "rtmpconns",
            "rtmpsConn" => "rtmpsconns",
            "rtspSession" => "rtspsessions",
            "rtspsSession" => "rtspssessions",
            "srtConn" => "srtconns",
            "webRTCSession" => "webrtcsessions",
            _ => return Ok(String::new()),
        };
        let connection: Option<Connection> = self.get(&format!("v3/{list}/get/{id}"), None).await?;
        Ok(connection.map(|c| c.query).unwrap_or_default())
    }

    /// `None` for 404.
    async fn get<T: DeserializeOwned>(&self, path: &str, query: Option<&str>) -> anyhow::Result<Option<T>> {
        let mut url = below(&self.api, path);
        url.set_query(query);
        let mut request = self.http.get(url);
        if let Some((user, pass)) = &self.login {
            request = request.basic_auth(user.expose(), Some(pass.expose()));
        }
        let mut response = request
            .send()
            .await
            .map_err(reqwest::Error::without_url)
            .context("ask the router")?;
        match response.status() {
            reqwest::StatusCode::NOT_FOUND => return Ok(None),
            status if !status.is_success() => bail!("the router answered {status}"),
            _ => {}
        }
        let mut body = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(reqwest::Error::without_url)
            .context("read the router's answer")?
        {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_ANSWER {
                bail!("the router's answer is longer than {MAX_ANSWER} bytes");
            }
        }
        Ok(Some(
            serde_json::from_slice(&body).context("understand the router's answer")?,
        ))
    }
}

impl Item {
    pub(super) fn listed(self) -> Option<Listed> {
        let stream = stream_of(&self.name)?.to_owned();
        let source = self.source.filter(|_| self.ready || self.available)?;
        let tracks = match (self.tracks2, self.tracks) {
            (Some(tracks), _) if !tracks.is_empty() => Some(tracks.into_iter().map(|t| t.codec).collect()),
            (_, Some(tracks)) if !tracks.is_empty() => Some(tracks),
            _ => None,
        };
        Some(Listed {
            stream,
            kind: source.kind,
            source: Source {
                id: source.id,
                query: String::new(),
                tracks,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(json: serde_json::Value) -> Option<Listed> {
        serde_json::from_value::<Item>(json).unwrap().listed()
    }

    #[test]
    fn old_and_new_routers_are_understood() {
        let new = serde_json::json!({"name": "live/a/in", "confName": "x", "ready": true, "available": true,
            "source": {"type": "rtmpConn", "id": "7"}, "tracks": ["H264"], "readers": [],
            "tracks2": [{"codec": "H264", "codecProps": {"width": 1280}}, {"codec": "MPEG-4 Audio", "codecProps": null}]});
        let found = listed(new).unwrap();
        assert_eq!(
            (found.stream.as_str(), found.kind.as_str(), found.source.id.as_str()),
            ("a", "rtmpConn", "7")
        );
        assert_eq!(found.source.tracks.unwrap(), ["H264", "MPEG-4 Audio"]);
        let old = serde_json::json!({"name": "live/a/in", "ready": true, "source": {"type": "x", "id": "7"}, "tracks": ["H265"]});
        assert_eq!(listed(old).unwrap().source.tracks.unwrap(), ["H265"]);
    }

    #[test]
    fn what_is_no_source_is_left_out() {
        let source = serde_json::json!({"type": "rtmpConn", "id": "7"});
        assert_eq!(
            listed(serde_json::json!({"name": "live/a/out", "available": true, "source": source})),
            None
        );
        assert_eq!(
            listed(serde_json::json!({"name": "live/a/in", "available": false, "source": source})),
            None
        );
        assert_eq!(
            listed(serde_json::json!({"name": "live/a/in", "available": true, "source": null})),
            None
        );
    }
}
