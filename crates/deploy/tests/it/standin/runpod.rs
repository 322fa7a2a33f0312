//! RunPod, and the pods behind its proxy: `<address>/v2/…` and `<address>/pod/<id>/…`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use dragoman_deploy::runpod::ProxyTemplate;
use serde_json::{Value, json};
use url::Url;

use super::http::{Reply, Request, Server};
use super::shape::{NEW_POD, NEW_VOLUME, Shape, is_version};

/// The account's key.
pub(crate) const KEY: &str = "rpa_K3YTHATNOBODYMAYSEE";

/// How the pods of a type of GPU in a place turn out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Life {
    /// Ready at the n-th question.
    Ready(u32),
    /// The container runs and never gets ready.
    Loading,
    /// Its engine gives up.
    Failed,
    /// RUNNING, but nothing ever starts.
    Dead,
    /// The container ends at once.
    Exits,
}

/// Scripted answers to the next requests of a kind.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// This instead of doing it: status and detail.
    Answer(u16, &'static str),
    /// 429, with so many seconds to wait.
    RateLimit(u64),
    /// Done, but the answer is lost.
    LostReply,
    /// Not done, and no answer.
    LostRequest,
}

/// Place and level.
pub(crate) type Stock = Vec<(&'static str, &'static str)>;

#[derive(Default)]
pub(crate) struct State {
    pub(crate) pods: Vec<Value>,
    pub(crate) volumes: Vec<Value>,
    pub(crate) registries: Vec<&'static str>,
    /// GPU, dollars an hour, stock.
    pub(crate) catalogue: Vec<(&'static str, f64, Stock)>,
    /// By GPU and place; `Ready(1)` where nothing is said.
    pub(crate) lives: BTreeMap<(String, String), Life>,
    /// Of every pod; `None`: what the pod was told.
    pub(crate) engine: Option<&'static str>,
    /// `POST /pods` and so on, and how often.
    pub(crate) faults: Vec<(&'static str, Fault, u32)>,
    /// Every request, as `GET /pods`.
    pub(crate) requests: Vec<String>,
    /// Requests of the account until it is cut off; the last of them is done, but not answered.
    pub(crate) cut_after: Option<usize>,
    /// Whether the log goes on for ever, as the real one does.
    pub(crate) endless_log: bool,
    /// How often a volume is said to be in use before it can be deleted.
    pub(crate) volume_in_use: u32,
    /// The most pods and volumes that there ever were at once.
    pub(crate) most_pods: usize,
    /// What a type of GPU really costs, where the catalogue is wrong.
    pub(crate) billed: Option<(&'static str, f64)>,
    /// Ids of pods whose address does not answer.
    pub(crate) silent: Vec<String>,
    pub(super) asked: BTreeMap<String, u32>,
    made: u32,
}

/// Serves until it is dropped.
pub(crate) struct StandIn {
    server: Server,
    state: Arc<Mutex<State>>,
}

impl StandIn {
    pub(crate) fn start() -> Self {
        let state = Arc::new(Mutex::new(State {
            catalogue: vec![
                ("NVIDIA L40S", 0.86, vec![("EU-RO-1", "HIGH"), ("US-KS-2", "LOW")]),
                ("NVIDIA L4", 0.43, vec![("EU-RO-1", "MEDIUM"), ("US-KS-2", "NONE")]),
            ],
            registries: vec!["reg_abc"],
            ..State::default()
        }));
        let served = Arc::clone(&state);
        let server = Server::start(move |request| served.lock().unwrap().serve(&request));
        Self { server, state }
    }

    pub(crate) fn base(&self) -> Url {
        format!("http://{}/v2", self.server.address).parse().unwrap()
    }

    pub(crate) fn proxy(&self) -> ProxyTemplate {
        format!("http://{}/pod/{{pod}}/{{port}}", self.server.address)
            .parse()
            .unwrap()
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn fault(&self, request: &'static str, fault: Fault, times: u32) {
        self.state().faults.push((request, fault, times));
    }

    pub(crate) fn live(&self, gpu: &str, place: &str, life: Life) {
        self.state().lives.insert((gpu.into(), place.into()), life);
    }

    /// `name in place` of each pod.
    pub(crate) fn pods(&self) -> Vec<String> {
        let text = |pod: &Value, field: &str| pod[field].as_str().unwrap().to_owned();
        let pods = &self.state().pods;
        pods.iter()
            .map(|pod| format!("{} in {}", text(pod, "name"), text(pod, "dataCenterId")))
            .collect()
    }

    pub(crate) fn volumes(&self) -> Vec<String> {
        let volumes = &self.state().volumes;
        volumes
            .iter()
            .map(|volume| volume["name"].as_str().unwrap().to_owned())
            .collect()
    }

    /// How many requests of that kind came.
    pub(crate) fn count(&self, request: &str) -> usize {
        self.state().requests.iter().filter(|there| *there == request).count()
    }
}

pub(super) fn problem(status: u16, detail: &str) -> Reply {
    answer(
        status,
        "application/problem+json",
        json!({"title": "X", "status": status, "detail": detail}),
        &[],
    )
}

fn answer(status: u16, kind: &str, body: Value, more: &[(&str, String)]) -> Reply {
    let mut headers = vec![("Content-Type".to_owned(), kind.to_owned())];
    headers.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    let body = if status == 204 { String::new() } else { body.to_string() };
    Reply::Answer { status, headers, body }
}

pub(super) fn done(status: u16, body: Value) -> Reply {
    answer(status, "application/json", body, &[])
}

impl State {
    fn serve(&mut self, request: &Request) -> Reply {
        if let Some(rest) = request.path.strip_prefix("/pod/") {
            return self.pod_answers(request, rest);
        }
        let Some(path) = request.path.strip_prefix("/v2") else {
            return problem(404, "no such path");
        };
        match self.cut_after {
            Some(0) => return Reply::Cut,
            Some(left) => self.cut_after = Some(left - 1),
            None => {}
        }
        // The id of a thing is no part of what is asked for.
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let kind = match parts[..] {
            [first] => format!("{} /{first}", request.method),
            ["catalog", what] => format!("{} /catalog/{what}", request.method),
            [first, _] => format!("{} /{first}/id", request.method),
            [first, _, what] => format!("{} /{first}/id/{what}", request.method),
            _ => return problem(404, "no such path"),
        };
        self.requests.push(kind.clone());
        match request.headers.get("authorization").map(String::as_str) {
            Some(key) if key.strip_prefix("Bearer ") == Some(KEY) => {}
            Some(_) => return problem(401, "invalid bearer token"),
            None => return problem(401, "missing bearer token"),
        }
        let reply = match self.take_fault(&kind) {
            Some(Fault::Answer(status, detail)) => problem(status, detail),
            Some(Fault::RateLimit(seconds)) => {
                let body = json!({"title": "X", "status": 429, "detail": "rate limit exceeded"});
                answer(
                    429,
                    "application/problem+json",
                    body,
                    &[("Retry-After", seconds.to_string())],
                )
            }
            Some(Fault::LostReply) => {
                self.act(request, &kind, &parts);
                Reply::Cut
            }
            Some(Fault::LostRequest) => Reply::Cut,
            None => self.act(request, &kind, &parts),
        };
        self.most_pods = self.most_pods.max(self.pods.len());
        if self.cut_after == Some(0) { Reply::Cut } else { reply }
    }

    fn take_fault(&mut self, kind: &str) -> Option<Fault> {
        let fault = self
            .faults
            .iter_mut()
            .find(|(request, _, left)| *request == kind && *left > 0)?;
        fault.2 -= 1;
        Some(fault.1.clone())
    }

    fn act(&mut self, request: &Request, kind: &str, parts: &[&str]) -> Reply {
        let id = parts.get(1).copied().unwrap_or_default();
        match kind {
            "GET /pods" => {
                self.step();
                done(200, json!({"pods": self.pods}))
            }
            "POST /pods" => self.post(request, &NEW_POD, Self::make_pod),
            "GET /pods/id" => {
                self.step();
                match self.pods.iter().find(|pod| pod["id"] == id) {
                    Some(pod) => done(200, pod.clone()),
                    None => problem(404, "resource not found"),
                }
            }
            "DELETE /pods/id" => delete(&mut self.pods, id),
            "GET /pods/id/logs" => self.log(request, id),
            "GET /network-volumes" => done(200, json!({"networkVolumes": self.volumes})),
            "POST /network-volumes" => self.post(request, &NEW_VOLUME, Self::make_volume),
            "DELETE /network-volumes/id" => {
                let used = self
                    .pods
                    .iter()
                    .any(|pod| pod["mounts"]["network"][0]["volumeId"] == id);
                if used || self.volume_in_use > 0 {
                    self.volume_in_use = self.volume_in_use.saturating_sub(1);
                    return problem(400, "the volume is in use");
                }
                delete(&mut self.volumes, id)
            }
            "GET /registries" => {
                let list: Vec<Value> = self
                    .registries
                    .iter()
                    .map(|id| json!({"id": id, "name": "ours"}))
                    .collect();
                done(200, json!({"registries": list}))
            }
            "GET /catalog/gpus" => self.gpus(request),
            _ if ["/pods", "/network-volumes", "/registries", "/catalog"]
                .iter()
                .any(|path| kind.contains(path)) =>
            {
                problem(405, "the method is not allowed")
            }
            _ => problem(404, "no such path"),
        }
    }

    fn post(&mut self, request: &Request, shape: &Shape, make: fn(&mut Self, Value) -> Reply) -> Reply {
        if request.headers.get("content-type").map(String::as_str) != Some("application/json") {
            return problem(422, "the body has to be application/json");
        }
        let Ok(body) = serde_json::from_str::<Value>(&request.body) else {
            return problem(400, "the body is no JSON");
        };
        let mut errors = Vec::new();
        shape.check("body", &body, &mut errors);
        if !errors.is_empty() {
            let body = json!({"title": "X", "status": 422, "detail": "Request validation failed.", "errors": errors});
            return answer(422, "application/problem+json", body, &[]);
        }
        make(self, body)
    }

    fn make_pod(&mut self, body: Value) -> Reply {
        if body["gpu"].is_object() == body["cpu"].is_object() {
            return problem(400, "exactly one of gpu or cpu must be set");
        }
        if body["mounts"]["network"].is_array() && body["mounts"]["persistent"].is_object() {
            return problem(400, "network and persistent mounts exclude each other");
        }
        if body["gpu"]["minCudaVersion"].is_string() && body["gpu"]["allowedCudaVersions"][0].is_string() {
            return problem(400, "minCudaVersion and allowedCudaVersions exclude each other");
        }
        if body["registry"]
            .as_str()
            .is_some_and(|id| !self.registries.contains(&id))
        {
            return problem(404, "registry credential not found");
        }
        let gpu = body["gpu"]["id"].as_str().unwrap_or_default().to_owned();
        let place = body["dataCenterIds"][0].as_str().unwrap_or_default().to_owned();
        let Some((_, price, stock)) = self.catalogue.iter().find(|(id, ..)| *id == gpu) else {
            return problem(400, "no such GPU type");
        };
        if !stock.iter().any(|(id, level)| *id == place && *level != "NONE") {
            return problem(400, "there are no instances available");
        }
        if let Some(id) = body["mounts"]["network"][0]["volumeId"].as_str() {
            let Some(volume) = self.volumes.iter().find(|volume| volume["id"] == id) else {
                return problem(400, "network volume not found");
            };
            if volume["dataCenter"] != place.as_str() || body["cloud"] == "COMMUNITY" {
                return problem(400, "the network volume is in another data center");
            }
        }
        let price = self
            .billed
            .filter(|(id, _)| *id == gpu)
            .map_or(*price, |(_, price)| price);
        self.made += 1;
        let pod = json!({
            "id": format!("pod{}", self.made),
            "name": body["name"],
            "status": "PROVISIONING",
            "actions": ["terminate"],
            "image": body["image"],
            "args": body["args"].as_str().unwrap_or_default(),
            "disk": body["disk"].as_u64().unwrap_or(20),
            "mounts": body["mounts"],
            "ports": body["ports"],
            "env": body["env"],
            "registry": body["registry"],
            "cloud": body["cloud"].as_str().unwrap_or("SECURE"),
            "gpu": {"id": gpu, "count": body["gpu"]["count"].as_u64().unwrap_or(1)},
            "dataCenterId": place,
            "cudaVersion": null,
            "ssh": {"proxy": null, "direct": null},
            "template": null,
            "cost": price,
            "locked": false,
            "runtime": null,
            "globalNetworking": {"enabled": false},
            "createdAt": "2026-11-22T10:00:00Z",
            "startedAt": null,
        });
        self.pods.push(pod.clone());
        done(201, pod)
    }

    fn make_volume(&mut self, body: Value) -> Reply {
        self.made += 1;
        let volume = json!({
            "id": format!("vol{}", self.made),
            "name": body["name"],
            "size": body["size"],
            "dataCenter": body["dataCenter"],
            "type": "STANDARD",
        });
        self.volumes.push(volume.clone());
        done(201, volume)
    }

    fn gpus(&self, request: &Request) -> Reply {
        let query = |name: &str| request.query.get(name).map(String::as_str);
        let known = [
            "include",
            "product",
            "count",
            "cloud",
            "countryCodes",
            "cudaVersions",
            "minCudaVersion",
        ];
        if request.query.keys().any(|name| !known.contains(&name.as_str())) {
            return problem(422, "an unknown parameter");
        }
        let stocked = query("include") == Some("AVAILABILITY");
        if stocked != query("product").is_some() {
            return problem(
                400,
                "product is required with include=AVAILABILITY, and valid only with it",
            );
        }
        if query("minCudaVersion").is_some_and(|version| !is_version(version) && version.parse::<u32>().is_err()) {
            return problem(422, "minCudaVersion is malformed");
        }
        let gpus: Vec<Value> = self
            .catalogue
            .iter()
            .map(|(id, price, stock)| {
                let places: Vec<Value> = stock
                    .iter()
                    .map(|(id, level)| json!({"id": id, "name": id, "availability": level}))
                    .collect();
                json!({
                    "id": id, "name": id, "pool": null, "manufacturer": "NVIDIA", "memory": 24, "secure": true,
                    "community": false, "price": {"secure": price, "community": 0.0},
                    "maxCount": {"secure": 8, "community": 0}, "availability": "HIGH", "dataCenters": places,
                    "cudaVersions": [],
                })
            })
            .collect();
        done(200, json!({"gpus": gpus}))
    }
}

fn delete(things: &mut Vec<Value>, id: &str) -> Reply {
    let before = things.len();
    things.retain(|thing| thing["id"] != id);
    if things.len() == before {
        problem(404, "resource not found")
    } else {
        done(204, Value::Null)
    }
}
