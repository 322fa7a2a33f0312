use std::collections::HashSet;
use std::sync::mpsc::sync_channel;
use std::time::Instant;

use dragoman_router::{Config, Router};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::super::pipeline::Pipeline;
use super::super::{Ended, Pace, Sink};
use super::*;

/// Sockets of this process that no connection has any more: they were ended by the peer and never closed.
fn dead_sockets() -> usize {
    let mut known = HashSet::new();
    for table in ["tcp", "tcp6", "unix", "udp", "udp6", "netlink", "raw", "packet"] {
        let text = std::fs::read_to_string(format!("/proc/net/{table}")).unwrap_or_default();
        known.extend(text.split_whitespace().map(str::to_owned));
    }
    let held = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let inode = |entry: std::fs::DirEntry| {
        let target = std::fs::read_link(entry.path()).ok()?;
        let target = target.to_string_lossy().into_owned();
        Some(target.strip_prefix("socket:[")?.trim_end_matches(']').to_owned())
    };
    held.filter_map(inode).filter(|inode| !known.contains(inode)).count()
}

/// With `rtmp2src` about one in thirty left a socket.
const ATTEMPTS: usize = 300;

#[tokio::test(flavor = "multi_thread")]
async fn attempts_that_the_router_refuses_leave_nothing_behind() {
    if !cfg!(target_os = "linux") {
        return;
    }
    gst::init().unwrap();
    let any = "127.0.0.1:0".parse().unwrap();
    let config = Config {
        rtmp: any,
        http: any,
        api: any,
        hook: None,
    };
    let router = Router::bind(config).await.unwrap();
    let url = format!("rtmp://{}/live/nobody/in", router.listening().rtmp);
    tokio::spawn(router.run(CancellationToken::new()));
    let (inputs, _queue) = sync_channel(8);
    let sink = Sink {
        inputs,
        pace: std::sync::Arc::<Pace>::default(),
        awaits_picture: true,
    };
    for _ in 0..ATTEMPTS {
        let (tx, mut ended) = mpsc::channel(1);
        let pipeline = Pipeline::start(&url, &sink, tx).unwrap();
        let end = timeout(SETUP * 2, ended.recv()).await.unwrap();
        assert!(matches!(end, Some(Ended::Lost(_))), "{end:?}");
        pipeline.stop().await;
    }
    let deadline = Instant::now() + SETUP;
    while dead_sockets() > 0 && Instant::now() < deadline {
        sleep(LOOK).await;
    }
    assert_eq!(dead_sockets(), 0);
}
