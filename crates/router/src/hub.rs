//! Who publishes and who reads what. One publisher a path; the newer one takes over, as in MediaMTX.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use uuid::Uuid;

use crate::codec::{self, Track};
use crate::flv::{self, Kind, Message, Role};
use crate::hook::{self, Event, What};
use crate::queue::{Headers, Queue, Seat};

/// How long a stream with one known track waits for the other before readers may come.
const SECOND_TRACK: Duration = Duration::from_secs(1);

/// All paths.
pub(crate) struct Hub {
    paths: Mutex<BTreeMap<String, Arc<Stream>>>,
    hooks: hook::Sender,
}

/// One life of a path: from its publisher's arrival to its end.
pub(crate) struct Stream {
    path: String,
    query: String,
    source_id: Uuid,
    ended: CancellationToken,
    state: Mutex<State>,
    inbound: AtomicU64,
    outbound: AtomicU64,
    discarded: AtomicU64,
}

#[derive(Default)]
struct State {
    headers: Headers,
    video: Option<Track>,
    audio: Option<Track>,
    nal_length_size: usize,
    first_track_at: Option<Instant>,
    ready_since: Option<SystemTime>,
    last_stamp: u32,
    seats: Vec<(Reader, Seat)>,
}

/// Who reads.
#[derive(Clone)]
pub(crate) struct Reader {
    /// `rtmpConn`, or `flvSession` for HTTP.
    pub(crate) kind: &'static str,
    /// New for each connection.
    pub(crate) id: Uuid,
}

/// What can be said about a ready stream.
pub(crate) struct Snapshot {
    /// The path's name.
    pub(crate) path: String,
    /// As the publisher wrote it; may hold credentials.
    pub(crate) query: String,
    /// The publisher's connection.
    pub(crate) source_id: Uuid,
    /// Since when readers can come.
    pub(crate) ready_since: SystemTime,
    /// Pictures first.
    pub(crate) tracks: Vec<Track>,
    /// All who read it now.
    pub(crate) readers: Vec<Reader>,
    /// Bytes of media from the publisher.
    pub(crate) inbound: u64,
    /// Bytes of media to the readers.
    pub(crate) outbound: u64,
    /// Messages that slow readers lost.
    pub(crate) discarded: u64,
}

impl Hub {
    /// A hub without streams that reports what comes and goes to `hooks`.
    pub(crate) fn new(hooks: hook::Sender) -> Hub {
        Hub {
            paths: Mutex::default(),
            hooks,
        }
    }

    /// Takes the path for a new publisher; an older one and its readers are closed.
    pub(crate) fn publish(self: &Arc<Self>, path: &str, query: &str, source_id: Uuid) -> Publisher {
        let stream = Arc::new(Stream {
            path: path.to_owned(),
            query: query.to_owned(),
            source_id,
            ended: CancellationToken::new(),
            state: Mutex::default(),
            inbound: AtomicU64::new(0),
            outbound: AtomicU64::new(0),
            discarded: AtomicU64::new(0),
        });
        let mut paths = self.paths();
        if let Some(old) = paths.insert(path.to_owned(), stream.clone()) {
            info!(path, old = %old.source_id, new = %source_id, "a newer publisher takes over");
            old.end(&self.hooks);
        }
        Publisher {
            hub: self.clone(),
            stream,
        }
    }

    /// Takes a seat at a ready stream. `sound_waits_too`: no sound before the first picture.
    pub(crate) fn read(&self, path: &str, reader: Reader, sound_waits_too: bool) -> Option<Reading> {
        let stream = self.paths().get(path)?.clone();
        let queue = Arc::new(Queue::default());
        let mut state = stream.state();
        if state.ready_since.is_none() || stream.ended.is_cancelled() {
            return None;
        }
        let seat = Seat::new(queue.clone(), &state.headers, state.last_stamp, sound_waits_too);
        state.seats.push((reader, seat));
        let (has_video, has_audio) = (state.headers.video.is_some(), state.audio.is_some());
        drop(state);
        Some(Reading {
            stream,
            queue,
            has_video,
            has_audio,
        })
    }

    /// All ready streams, by name.
    pub(crate) fn streams(&self) -> Vec<Snapshot> {
        let streams: Vec<_> = self.paths().values().cloned().collect();
        streams.iter().filter_map(|stream| stream.snapshot()).collect()
    }

    /// One ready stream.
    pub(crate) fn stream(&self, path: &str) -> Option<Snapshot> {
        let stream = self.paths().get(path)?.clone();
        stream.snapshot()
    }

    fn paths(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Stream>>> {
        self.paths.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stream {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn event(&self, what: What) -> Event {
        Event {
            what,
            path: self.path.clone(),
            query: self.query.clone(),
            source_id: self.source_id.to_string(),
        }
    }

    fn become_ready(&self, state: &mut State, hooks: &hook::Sender) {
        if self.ended.is_cancelled() {
            return;
        }
        state.ready_since = Some(SystemTime::now());
        let tracks: Vec<_> = state.tracks().map(|track| track.codec).collect();
        info!(path = self.path, source = %self.source_id, ?tracks, "stream is available");
        hooks.send(self.event(What::Ready));
    }

    fn end(&self, hooks: &hook::Sender) {
        let mut state = self.state();
        if self.ended.is_cancelled() {
            return;
        }
        self.ended.cancel();
        for (_, seat) in state.seats.drain(..) {
            seat.close();
        }
        if state.ready_since.is_some() {
            info!(path = self.path, source = %self.source_id, "stream is gone");
            hooks.send(self.event(What::NotReady));
        }
    }

    fn snapshot(&self) -> Option<Snapshot> {
        let state = self.state();
        Some(Snapshot {
            path: self.path.clone(),
            query: self.query.clone(),
            source_id: self.source_id,
            ready_since: state.ready_since?,
            tracks: state.tracks().cloned().collect(),
            readers: state.seats.iter().map(|(reader, _)| reader.clone()).collect(),
            inbound: self.inbound.load(Ordering::Relaxed),
            outbound: self.outbound.load(Ordering::Relaxed),
            discarded: self.discarded.load(Ordering::Relaxed),
        })
    }
}

impl State {
    fn tracks(&self) -> impl Iterator<Item = &Track> {
        self.video.iter().chain(&self.audio)
    }

    /// Keeps what later readers need, and the names of the tracks.
    fn learn(&mut self, message: &Message, role: &Role) {
        let track = match role {
            Role::Header(track) | Role::Foreign(track) | Role::Sound(Some(track)) => track,
            Role::Data => {
                if message.body.starts_with(flv::ON_METADATA) {
                    self.headers.metadata = Some(message.clone());
                }
                return;
            }
            Role::Keyframe | Role::Picture | Role::Sound(None) | Role::Ignored => return,
        };
        let (known, header) = match message.kind {
            Kind::Audio => (&mut self.audio, &mut self.headers.audio),
            _ => (&mut self.video, &mut self.headers.video),
        };
        if matches!(role, Role::Header(_)) {
            *header = Some(message.clone());
            if message.kind == Kind::Video {
                self.nal_length_size = codec::nal_length_size(message.body.get(5..).unwrap_or_default());
            }
        }
        if known.is_none() && self.ready_since.is_some() {
            warn!(
                codec = track.codec,
                "a track came after the stream was available; mediamtx would close its publisher"
            );
        }
        // The codec's name alone says less than the header that came before it.
        if matches!(role, Role::Header(_)) || known.as_ref().is_none_or(|known| known.codec != track.codec) {
            *known = Some(track.clone());
        }
        self.first_track_at.get_or_insert_with(Instant::now);
    }
}

/// The publisher's hold on its path. Dropping it ends the stream and closes its readers.
pub(crate) struct Publisher {
    hub: Arc<Hub>,
    stream: Arc<Stream>,
}

impl Publisher {
    /// Hands a message to every reader.
    pub(crate) fn push(&self, message: &Message) {
        let stream = &self.stream;
        stream.inbound.fetch_add(message.body.len() as u64, Ordering::Relaxed);
        let mut state = stream.state();
        let role = flv::classify(message.kind, &message.body, state.nal_length_size);
        // Metadata often has no stamp of its own.
        if message.kind != Kind::Data {
            state.last_stamp = message.stamp;
        }
        state.learn(message, &role);
        if state.ready_since.is_none() && state.video.is_some() && state.audio.is_some() {
            stream.become_ready(&mut state, &self.hub.hooks);
        }
        let State { seats, headers, .. } = &mut *state;
        let dropped: usize = seats
            .iter_mut()
            .map(|(_, seat)| seat.offer(message, &role, headers))
            .sum();
        stream.discarded.fetch_add(dropped as u64, Ordering::Relaxed);
    }

    /// When [`Publisher::settle`] is to be called: the stream has one track and may have no other.
    pub(crate) fn settles_at(&self) -> Option<Instant> {
        let state = self.stream.state();
        let first = state.first_track_at.filter(|_| state.ready_since.is_none())?;
        Some(first + SECOND_TRACK)
    }

    /// Makes the stream available with the tracks it has.
    pub(crate) fn settle(&self) {
        let mut state = self.stream.state();
        if state.ready_since.is_none() {
            self.stream.become_ready(&mut state, &self.hub.hooks);
        }
    }

    /// Resolves when a newer publisher has taken the path.
    pub(crate) async fn taken_over(&self) {
        self.stream.ended.cancelled().await;
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        let mut paths = self.hub.paths();
        if paths
            .get(&self.stream.path)
            .is_some_and(|current| Arc::ptr_eq(current, &self.stream))
        {
            paths.remove(&self.stream.path);
        }
        self.stream.end(&self.hub.hooks);
    }
}

/// A reader's seat at a stream. Dropping it gives the seat up.
pub(crate) struct Reading {
    stream: Arc<Stream>,
    /// What waits for this reader.
    pub(crate) queue: Arc<Queue>,
    /// Whether a reader of plain FLV gets pictures.
    pub(crate) has_video: bool,
    /// Whether there is sound.
    pub(crate) has_audio: bool,
}

impl Reading {
    /// Counts media on its way to the reader.
    pub(crate) fn sent(&self, bytes: usize) {
        self.stream.outbound.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Resolves when the stream is over.
    pub(crate) async fn ended(&self) {
        self.stream.ended.cancelled().await;
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.stream.state().seats.retain(|(_, seat)| !seat.feeds(&self.queue));
    }
}
