//! The pods behind the proxy: how they come up, what they say, and their logs.

use serde_json::{Value, json};

use super::http::{Reply, Request};
use super::runpod::{KEY, Life, State, done, problem};

impl State {
    pub(super) fn log(&self, request: &Request, id: &str) -> Reply {
        if !self.pods.iter().any(|pod| pod["id"] == id) {
            return problem(404, "resource not found");
        }
        let tail: usize = request.query.get("tail").map_or(100, |tail| tail.parse().unwrap());
        let lines = [
            ("system", "create container".to_owned()),
            ("container", format!("RUNPOD_API_KEY={KEY}")),
            ("container", "\u{1b}[31mmodels are fetched".to_owned()),
        ];
        let mut body = ": hello\n\n".to_owned();
        for (second, (source, line)) in lines.iter().enumerate().skip(lines.len().saturating_sub(tail)) {
            let ts = format!("2026-11-22T10:00:0{second}Z");
            let data = json!({"source": source, "line": line, "ts": ts});
            body.push_str(&format!("id: {ts}\ndata: {data}\n\n"));
        }
        let headers = vec![("Content-Type".to_owned(), "text/event-stream".to_owned())];
        if self.endless_log {
            return Reply::Open { headers, body };
        }
        let status = 200;
        Reply::Answer { status, headers, body }
    }

    pub(super) fn life(&self, pod: &Value) -> Life {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let place = (text(&pod["gpu"]["id"]), text(&pod["dataCenterId"]));
        self.lives.get(&place).copied().unwrap_or(Life::Ready(1))
    }

    /// The pods go on: one step at each look.
    pub(super) fn step(&mut self) {
        for index in 0..self.pods.len() {
            let life = self.life(&self.pods[index]);
            let pod = &mut self.pods[index];
            let status = pod["status"].as_str().unwrap().to_owned();
            let next = match status.as_str() {
                "PROVISIONING" => "STARTING",
                "STARTING" if life == Life::Exits => "EXITED",
                "STARTING" => "RUNNING",
                other => other,
            };
            if next == "RUNNING" && life != Life::Dead {
                pod["runtime"] = json!({"uptime": 1});
            }
            pod["status"] = json!(next);
        }
    }

    /// The proxy and the pod behind it.
    pub(super) fn pod_answers(&mut self, request: &Request, rest: &str) -> Reply {
        let mut parts = rest.splitn(3, '/');
        let (id, port, path) = (parts.next().unwrap(), parts.next(), parts.next());
        // The pod's public address: no key of the account belongs there.
        assert!(!request.headers.contains_key("authorization"));
        let Some(pod) = self.pods.iter().find(|pod| pod["id"] == id).cloned() else {
            return problem(404, "no such pod");
        };
        let published = format!("{}/http", port.unwrap_or_default());
        if !pod["ports"]
            .as_array()
            .is_some_and(|ports| ports.iter().any(|there| *there == published.as_str()))
        {
            return problem(404, "no such port");
        }
        if path != Some("readyz") {
            return problem(404, "no such path");
        }
        if self.silent.iter().any(|there| there == id) {
            return problem(502, "bad gateway");
        }
        let asked = self.asked.entry(id.to_owned()).or_default();
        *asked += 1;
        let asked = *asked;
        let status = match self.life(&pod) {
            Life::Ready(after) if asked >= after => "ok",
            Life::Ready(_) | Life::Loading => "loading",
            Life::Failed => "failed",
            Life::Dead | Life::Exits => return problem(502, "bad gateway"),
        };
        let told = pod["env"]["SPEECH_ENGINE"].as_str().unwrap_or("mock");
        let mut body = json!({
            "status": status, "engine": self.engine.unwrap_or(told), "device": "cuda", "mode": "split",
            "access": "key", "sessions": 0, "max_sessions": 8,
        });
        if status == "failed" {
            body["problem"] = json!("no model fits into the GPU's memory");
        }
        done(if status == "ok" { 200 } else { 503 }, body)
    }
}
