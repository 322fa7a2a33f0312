//! A small RTMP hub with MediaMTX's face, for the demo and the tests.
//!
//! It takes what publishers send at any path, relays it byte for byte to RTMP and HTTP-FLV readers, tells the
//! orchestrator by the same hook calls and answers the same control API as MediaMTX, and has a player page. It may not
//! be used in production, where MediaMTX does this job, nor know what a programme or a dub is: a path is a path.
//!
//! ```text
//! publisher ──RTMP──▶ rtmp ──▶ hub ──queue──▶ rtmp  ──RTMP──▶ reader
//!                               │ └───queue──▶ watch ──FLV───▶ page
//!                               ├──▶ hook ──POST──▶ orchestrator
//!                               └──▶ api  ◀──GET─── orchestrator
//! ```

mod api;
mod codec;
mod connections;
mod flv;
mod hook;
mod host;
mod hub;
mod path;
mod queue;
mod rtmp;
mod watch;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use dragoman_service::http::serve_until;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::warn;

pub use hook::Target;
#[doc(hidden)]
pub use rtmp::hostile;

/// How long the last hook calls may take after everything else has ended.
const LAST_HOOKS: Duration = Duration::from_secs(2);

/// Where to listen and whom to tell.
pub struct Config {
    /// For publishers and readers.
    pub rtmp: SocketAddr,
    /// For viewers.
    pub http: SocketAddr,
    /// For the orchestrator.
    pub api: SocketAddr,
    /// The orchestrator.
    pub hook: Option<Target>,
}

/// Where it listens; ports that were 0 are real ones.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Listening {
    /// RTMP.
    pub rtmp: SocketAddr,
    /// HTTP-FLV and the page.
    pub http: SocketAddr,
    /// `/v3`.
    pub api: SocketAddr,
}

/// A hub that listens and does not answer yet.
pub struct Router {
    rtmp: TcpListener,
    http: TcpListener,
    api: TcpListener,
    listening: Listening,
    hook: Option<Target>,
}

impl Router {
    /// Binds all three listeners.
    pub async fn bind(config: Config) -> anyhow::Result<Router> {
        let rtmp = listen("RTMP", config.rtmp).await?;
        let http = listen("HTTP", config.http).await?;
        let api = listen("API", config.api).await?;
        let listening = Listening {
            rtmp: rtmp.local_addr()?,
            http: http.local_addr()?,
            api: api.local_addr()?,
        };
        Ok(Router {
            rtmp,
            http,
            api,
            listening,
            hook: config.hook,
        })
    }

    /// Where it listens.
    pub fn listening(&self) -> Listening {
        self.listening
    }

    /// Serves until `stop`; then closes all connections and sends the last hook calls.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let (hooks, dispatcher) = hook::channel(self.hook);
        let dispatcher = tokio::spawn(dispatcher.run());
        let hub = Arc::new(hub::Hub::new(hooks));
        let connections = Arc::<connections::Connections>::default();
        let watch = host::guard(watch::routes(hub.clone(), self.listening), self.listening.http);
        let api = host::guard(
            api::routes(hub.clone(), connections.clone(), SystemTime::now()),
            self.listening.api,
        );
        tokio::join!(
            rtmp::serve(self.rtmp, hub, connections, stop.clone()),
            serve_until(self.http, watch, stop.clone()),
            serve_until(self.api, api, stop.clone()),
        );
        match timeout(LAST_HOOKS, dispatcher).await {
            Ok(ended) => ended?.context("hook client failed"),
            Err(_) => {
                warn!("last hook calls given up");
                Ok(())
            }
        }
    }
}

async fn listen(what: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen for {what} on {address}"))
}
