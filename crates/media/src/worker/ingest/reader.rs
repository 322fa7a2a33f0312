//! One RTMP connection that plays: handshake, `connect`, `play`, then FLV tags as they come.
//!
//! Ours, since GStreamer's `rtmp2src` keeps a socket of some of the connections that the router closes at once, as it does
//! again and again while the publisher is away, and now and then never comes back from being stopped.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use bytes::Bytes;
use gstreamer as gst;
use gstreamer_app as gst_app;
use rml_rtmp::sessions::{ClientSession, ClientSessionConfig, ClientSessionEvent, ClientSessionResult};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};

use crate::rtmp_url::RtmpUrl;
use crate::worker::egress::flv::{self, TagKind};
use crate::worker::egress::publisher::{Transport, dial, protocol};

/// A router that has not answered by then is taken for frozen.
const SETUP: Duration = Duration::from_secs(5);
/// What is read at once: a large picture in a few pieces.
const INPUT: usize = 64 * 1024;
/// So much may wait for the demuxer; then the router waits, as TCP lets it.
const WAITING: u64 = 4 * 1024 * 1024;
/// How soon that is looked at again.
const LOOK: Duration = Duration::from_millis(5);

/// One tag's body and its time.
struct Tag {
    kind: TagKind,
    at_ms: u32,
    body: Bytes,
}

/// Plays `url` into `source` until the connection ends; why it did, and whether anything had come.
pub(super) async fn feed(url: &str, source: &gst_app::AppSrc) -> (anyhow::Error, bool) {
    let mut has_come = false;
    let error = match play(url, source, &mut has_come).await {
        Err(error) => error,
        Ok(()) => anyhow!("the source ended"),
    };
    (error, has_come)
}

async fn play(url: &str, source: &gst_app::AppSrc, has_come: &mut bool) -> Result<()> {
    let mut reader = timeout(SETUP, Reader::connect(url))
        .await
        .context("the router did not answer in time")??;
    while let Some(tag) = reader.next().await? {
        let mut bytes = flv::tag(tag.kind, tag.at_ms, &tag.body);
        if !*has_come {
            bytes.splice(..0, flv::HEAD);
        }
        let mut buffer = gst::Buffer::from_mut_slice(bytes);
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_dts(gst::ClockTime::from_mseconds(u64::from(tag.at_ms)));
        }
        *has_come = true;
        source
            .push_buffer(buffer)
            .map_err(|error| anyhow!("the demuxer takes nothing more: {error}"))?;
        while source.current_level_bytes() > WAITING {
            sleep(LOOK).await;
        }
    }
    Ok(())
}

/// A connection whose `play` was asked for.
struct Reader {
    stream: Box<dyn Transport>,
    session: ClientSession,
    input: Vec<u8>,
    events: VecDeque<ClientSessionEvent>,
}

impl Reader {
    /// Connects and asks for the stream.
    async fn connect(url: &str) -> Result<Self> {
        let url = RtmpUrl::parse(url)?;
        let (stream, rest) = dial(&url, None).await?;
        let mut config = ClientSessionConfig::new();
        config.flash_version = "LNX 9,0,124,2".to_owned();
        config.tc_url = Some(url.tc_url());
        // What the session acknowledges is the last window's bytes, not all: a router that asked for acknowledgements would
        // take us for dead.
        config.window_ack_size = 0;
        let (session, initial) = ClientSession::new(config).map_err(protocol)?;
        let mut reader = Self {
            stream,
            session,
            input: vec![0; INPUT],
            events: VecDeque::new(),
        };
        reader.act(initial).await?;
        let connect = reader
            .session
            .request_connection(url.app().to_owned())
            .map_err(protocol)?;
        reader.act(vec![connect]).await?;
        let results = reader.session.handle_input(&rest).map_err(protocol)?;
        reader.act(results).await?;
        while !reader.is_connected()? {
            reader.receive().await?;
        }
        let play = reader
            .session
            .request_playback(url.key().to_owned())
            .map_err(protocol)?;
        reader.act(vec![play]).await?;
        Ok(reader)
    }

    fn is_connected(&mut self) -> Result<bool> {
        while let Some(event) = self.events.pop_front() {
            match event {
                ClientSessionEvent::ConnectionRequestAccepted => return Ok(true),
                ClientSessionEvent::ConnectionRequestRejected { description } => {
                    bail!("the router refused the connection: {description}")
                }
                _ => {}
            }
        }
        Ok(false)
    }

    /// The next tag; none when the publisher has gone.
    async fn next(&mut self) -> Result<Option<Tag>> {
        loop {
            while let Some(event) = self.events.pop_front() {
                let (kind, timestamp, body) = match event {
                    ClientSessionEvent::VideoDataReceived { timestamp, data } => (TagKind::Picture, timestamp, data),
                    ClientSessionEvent::AudioDataReceived { timestamp, data } => (TagKind::Sound, timestamp, data),
                    ClientSessionEvent::UnhandleableOnStatusCode { code } => match code.as_str() {
                        "NetStream.Play.UnpublishNotify" | "NetStream.Play.Stop" | "NetStream.Play.Complete" => {
                            return Ok(None);
                        }
                        "NetStream.Play.StreamNotFound" | "NetStream.Play.Failed" => {
                            bail!("the router refused to let us play: {code}")
                        }
                        _ => continue,
                    },
                    _ => continue,
                };
                return Ok(Some(Tag {
                    kind,
                    at_ms: timestamp.value,
                    body,
                }));
            }
            self.receive().await?;
        }
    }

    async fn receive(&mut self) -> Result<()> {
        let n = self.stream.read(&mut self.input).await?;
        if n == 0 {
            bail!("the router closed the connection");
        }
        let results = self.session.handle_input(&self.input[..n]).map_err(protocol)?;
        self.act(results).await
    }

    /// Sends what the session wants sent, and keeps what it wants known.
    async fn act(&mut self, results: Vec<ClientSessionResult>) -> Result<()> {
        for result in results {
            match result {
                ClientSessionResult::OutboundResponse(packet) => {
                    let write = async {
                        self.stream.write_all(&packet.bytes).await?;
                        // TLS keeps what the socket has not taken.
                        self.stream.flush().await
                    };
                    timeout(SETUP, write).await.context("the router takes nothing")??;
                }
                ClientSessionResult::RaisedEvent(event) => self.events.push_back(event),
                ClientSessionResult::UnhandleableMessageReceived(_) => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "reader_test.rs"]
mod tests;
