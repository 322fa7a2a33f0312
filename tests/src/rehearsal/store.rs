//! The emulator of the parameter store, filled as the deploy command fills it.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use xtask::ports;

use crate::eventually::eventually;

/// Where everything is.
pub const REGION: &str = "eu-central-1";
/// Below which the parameters are.
pub const PREFIX: &str = "/dragoman/dragoman";

/// A running emulator; dropping it ends it.
#[derive(Debug)]
pub struct Store {
    process: Child,
    port: u16,
}

impl Store {
    /// Starts it; `tools` is the directory of its program.
    pub fn start(tools: &Path, log: &Path) -> Result<Self> {
        let port = ports::free()?;
        let log = std::fs::File::create(log)?;
        let process = Command::new(tools.join("moto_server"))
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("cannot run moto_server")?;
        let store = Self { process, port };
        eventually(
            "moto answers",
            || Ok(store.call("AmazonSSM.DescribeParameters", &json!({})).ok()),
            String::new,
        )?;
        store.call("Logs_20140328.CreateLogGroup", &json!({"logGroupName": PREFIX}))?;
        Ok(store)
    }

    /// Where it listens on this machine.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// One call of it.
    pub fn call(&self, target: &str, body: &Value) -> Result<Value> {
        let service = if target.starts_with("Logs") { "logs" } else { "ssm" };
        let answer = reqwest::blocking::Client::builder()
            .timeout(Duration::from_secs(10))
            .no_proxy()
            .build()?
            .post(format!("http://127.0.0.1:{}/", self.port))
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", target)
            .header(
                "authorization",
                format!("AWS4-HMAC-SHA256 Credential=operator/20260101/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=0"),
            )
            .body(body.to_string())
            .send()?;
        let status = answer.status();
        let text = answer.text()?;
        ensure!(status.is_success(), "{target}: {status} {text}");
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }

    /// Puts a parameter below the deployment's prefix.
    pub fn put(&self, name: &str, value: &str) -> Result<()> {
        let kind = if name.starts_with("secrets/") {
            "SecureString"
        } else {
            "String"
        };
        let body = json!({"Name": format!("{PREFIX}/{name}"), "Value": value, "Type": kind, "Overwrite": true});
        self.call("AmazonSSM.PutParameter", &body).map(drop)
    }

    /// Puts a file as the deploy command does.
    pub fn put_file(&self, name: &str, file: &Path) -> Result<()> {
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        for (name, part) in dragoman_deploy::aws::parts(&format!("files/{name}"), &text)? {
            self.put(&name, &part)?;
        }
        Ok(())
    }

    /// What the host reported last.
    pub fn state(&self) -> Option<Value> {
        let body = json!({"Name": format!("{PREFIX}/state")});
        let answer = self.call("AmazonSSM.GetParameter", &body).ok()?;
        serde_json::from_str(answer["Parameter"]["Value"].as_str()?).ok()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
