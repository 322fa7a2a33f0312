//! The task that owns a session: waits for the socket, the engine and the clock, and lets [`State`] decide.

use std::sync::Arc;
use std::time::Duration;

use dragoman_protocol::{CloseCode, Start, limits};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::{self, OwnedPermit};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::closing::{Closing, malformed};
use super::connection::{Incoming, Link, Outgoing};
use super::registry::Attach;
use super::state::State;
use super::track::Output;
use crate::engine::{Arrival, Readiness, Sink};
use crate::listen::Listener;
use crate::server::{DRAIN, Service};

/// How exact liveness, deadlines and the resume time are kept.
const TICK: Duration = Duration::from_millis(100);
/// Connections that wait to take a session over; more are told that there is no such session.
const ATTACHES: usize = 4;

/// See the module.
pub(super) struct Actor {
    service: Arc<Service>,
    token: String,
    state: State,
    link: Option<Link>,
    attaches: mpsc::Receiver<Attach>,
    events: mpsc::Receiver<Arrival>,
    detached_at: Option<Instant>,
    close_by: Option<Instant>,
    _permit: OwnedSemaphorePermit,
}

/// How a session ended.
enum End {
    Closed(Closing),
    Expired,
}

impl Actor {
    /// A session for `start` that hears by `listener`, attached to `link`.
    pub(super) fn new(
        service: Arc<Service>,
        start: Start,
        listener: Listener,
        link: Link,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        let token = uuid::Uuid::new_v4().to_string();
        let (sender, events) = Sink::channel();
        let (attach, attaches) = mpsc::channel(ATTACHES);
        service.registry.insert(token.clone(), attach);
        service.metrics.sessions.inc();
        let (engine, metrics) = (Arc::clone(&service.engine), Arc::clone(&service.metrics));
        let now = Instant::now().into_std();
        let state = State::new(start, token.clone(), listener, engine, metrics, sender, now);
        Self {
            service,
            token,
            state,
            link: Some(link),
            attaches,
            events,
            detached_at: None,
            close_by: None,
            _permit: permit,
        }
    }

    /// Runs until the session is over.
    pub(super) async fn run(mut self) {
        let end = self.work().await;
        let open = self.state.abandon();
        self.service.metrics.abandoned.inc_by(u64::from(open));
        match end {
            End::Closed(closing) => self.close(closing, open).await,
            End::Expired => tracing::info!(open, "client did not come back"),
        }
    }

    async fn work(&mut self) -> End {
        let soft = self.service.lifecycle.soft().clone();
        let mut tick = interval_at(Instant::now() + TICK, TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stats = interval_at(Instant::now() + limits::STATS_EVERY, limits::STATS_EVERY);
        // Half the longest time between two pings: one may be lost in a stall.
        let ping_every = limits::PING_EVERY / 2;
        let mut ping = interval_at(Instant::now() + ping_every, ping_every);
        loop {
            let attached = self.link.is_some();
            let sending = attached && self.state.has_output();
            let outgoing = self.link.as_ref().map(|link| link.outgoing.clone());
            let step = tokio::select! {
                biased;
                () = soft.cancelled(), if self.close_by.is_none() => {
                    self.state.drain(DRAIN);
                    self.close_by = Some(Instant::now() + DRAIN);
                    Ok(())
                }
                Some(attach) = self.attaches.recv() => { self.attach(attach); Ok(()) }
                Some((utterance, event)) = self.events.recv() => {
                    self.state.on_event(utterance, event, Instant::now().into_std());
                    Ok(())
                }
                _ = tick.tick() => match self.on_tick() {
                    Some(end) => return end,
                    None => self.state.tick(Instant::now().into_std()).or_else(|closing| self.lost(closing)),
                },
                _ = stats.tick(), if attached => { self.state.say_stats(); Ok(()) }
                _ = ping.tick(), if attached => { self.ping(); Ok(()) }
                place = reserve(outgoing), if sending => match place {
                    Some(place) => self.send(place),
                    None => { self.detach("socket lost"); Ok(()) }
                },
                incoming = receive(self.link.as_mut()), if attached => self.on_incoming(incoming),
            };
            if let Err(closing) = step {
                return End::Closed(closing);
            }
        }
    }

    fn on_incoming(&mut self, incoming: Option<Incoming>) -> Result<(), Closing> {
        let now = Instant::now().into_std();
        self.state.on_frame(now);
        match incoming {
            Some(Incoming::Audio(frame)) => self.state.on_audio(&frame, now),
            Some(Incoming::Message(parsed)) => {
                self.service.metrics.ignored.inc_by(u64::from(parsed.ignored));
                self.state.on_message(parsed.message, now)
            }
            Some(Incoming::Alive) => Ok(()),
            Some(Incoming::Malformed(reason)) => Err(malformed(reason)),
            None => {
                self.detach("socket lost");
                Ok(())
            }
        }
    }

    fn on_tick(&mut self) -> Option<End> {
        let now = Instant::now();
        if let Readiness::Failed(reason) = self.service.engine.state() {
            // Another host may dub what this one cannot.
            return Some(End::Closed(Closing {
                code: CloseCode::Engine,
                reason,
            }));
        }
        if self.close_by.is_some_and(|at| now >= at || self.link.is_none()) {
            return Some(End::Closed(Closing {
                code: CloseCode::GoingAway,
                reason: "the server goes away".into(),
            }));
        }
        self.detached_at
            .is_some_and(|at| now >= at + limits::RESUME)
            .then_some(End::Expired)
    }

    /// A client that has fallen silent may come back on another socket; anything else ends the session.
    fn lost(&mut self, closing: Closing) -> Result<(), Closing> {
        if self.link.is_none() {
            return Ok(());
        }
        if closing.code != CloseCode::Stalled {
            return Err(closing);
        }
        if let Some(link) = &self.link {
            self.service.metrics.closed(closing.code.name());
            // Full means that the socket takes nothing: dropping the link closes it as well.
            drop(
                link.outgoing
                    .try_send(Outgoing::Close(closing.code, closing.reason.clone())),
            );
        }
        self.detach(&closing.reason);
        Ok(())
    }

    fn send(&mut self, place: OwnedPermit<Outgoing>) -> Result<(), Closing> {
        match self.state.output() {
            Some(Output::Message(message)) => drop(place.send(Outgoing::Text(message.to_json()))),
            Some(Output::Audio(frame)) => drop(place.send(Outgoing::Binary(frame.encode()))),
            None => {}
        }
        if self.state.is_done() {
            return Err(Closing {
                code: CloseCode::Normal,
                reason: "done".into(),
            });
        }
        Ok(())
    }

    fn ping(&self) {
        if let Some(link) = &self.link {
            // Full means that much else is on its way, which shows the client that we live.
            drop(link.outgoing.try_send(Outgoing::Ping));
        }
    }

    fn attach(&mut self, attach: Attach) {
        let Attach { start, link, answer } = attach;
        if !self.state.is_same(&start) || self.close_by.is_some() {
            // The connection may have gone meanwhile; then nobody needs the link.
            drop(answer.send(Some(link)));
            return;
        }
        tracing::info!("resumed");
        self.state.resume(&start, Instant::now().into_std());
        self.link = Some(link);
        self.detached_at = None;
        self.service.registry.set_detached(&self.token, false);
        drop(answer.send(None));
    }

    fn detach(&mut self, reason: &str) {
        tracing::warn!(reason, "detached");
        self.link = None;
        self.detached_at = Some(Instant::now());
        self.service.registry.set_detached(&self.token, true);
    }

    async fn close(&mut self, closing: Closing, open: u32) {
        let Closing { code, reason } = &closing;
        let proper = matches!(code, CloseCode::Normal | CloseCode::GoingAway);
        tracing::info!(code = code.code(), reason, open, "closed");
        self.service.metrics.closed(code.name());
        let Some(link) = &self.link else { return };
        if !proper {
            let error = closing.error().to_json();
            drop(link.outgoing.send(Outgoing::Text(error)).await);
        }
        // A writer that is gone has closed already.
        drop(link.outgoing.send(Outgoing::Close(*code, reason.clone())).await);
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        self.service.registry.remove(&self.token);
        self.service.metrics.sessions.dec();
    }
}

/// A place for one frame, as soon as there is room; `None` if the socket is gone.
async fn reserve(outgoing: Option<mpsc::Sender<Outgoing>>) -> Option<OwnedPermit<Outgoing>> {
    outgoing?.reserve_owned().await.ok()
}

async fn receive(link: Option<&mut Link>) -> Option<Incoming> {
    match link {
        Some(link) => link.incoming.recv().await,
        None => None,
    }
}
