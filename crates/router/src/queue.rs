//! What waits for one reader. Bounded: when it is full, everything that waits is dropped and counted, and the reader
//! goes on with the next keyframe, since a live picture with a hole in it is worth more than one that is late.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::flv::{Kind, Message, Role};

/// As many messages as MediaMTX keeps for a reader: about six seconds of pictures and sound.
const MAX_MESSAGES: usize = 512;
/// Six seconds of 10 Mb/s, so that the count alone cannot hold a gigabyte.
const MAX_BYTES: usize = 8 << 20;

/// What a reader takes at once: what it has taken no overflow can spare it.
const BATCH: usize = 32;

/// What a reader that comes, or comes back after a hole, needs before anything else.
#[derive(Default)]
pub(crate) struct Headers {
    /// `onMetaData`, as the publisher wrote it.
    pub(crate) metadata: Option<Message>,
    /// The H.264 decoder configuration.
    pub(crate) video: Option<Message>,
    /// The AAC decoder configuration.
    pub(crate) audio: Option<Message>,
}

/// The writing end: decides, message by message, what the reader gets.
pub(crate) struct Seat {
    queue: std::sync::Arc<Queue>,
    waiting_for_keyframe: bool,
    sound_waits_too: bool,
    video_header_due: bool,
    audio_header_due: bool,
    /// Set after an overflow until the next keyframe: what is left out counts as dropped.
    in_hole: bool,
}

impl Seat {
    /// A seat for a reader that gets the headers now, restamped with `stamp`, and pictures from the next keyframe.
    /// With `sound_waits_too` it gets no sound before its first picture.
    pub(crate) fn new(queue: std::sync::Arc<Queue>, headers: &Headers, stamp: u32, sound_waits_too: bool) -> Seat {
        for header in [&headers.metadata, &headers.video, &headers.audio]
            .into_iter()
            .flatten()
        {
            queue.push(Message {
                stamp,
                ..header.clone()
            });
        }
        Seat {
            queue,
            waiting_for_keyframe: true,
            sound_waits_too,
            video_header_due: false,
            audio_header_due: false,
            in_hole: false,
        }
    }

    /// Queues a message if this reader can use it. Returns how many messages it lost by it.
    pub(crate) fn offer(&mut self, message: &Message, role: &Role, headers: &Headers) -> usize {
        let mut dropped = 0;
        if self.queue.is_full() {
            dropped = self.queue.clear();
            self.waiting_for_keyframe = true;
            self.video_header_due = true;
            self.audio_header_due = true;
            self.in_hole = true;
        }
        match role {
            Role::Header(_) if message.kind == Kind::Video => self.video_header_due = false,
            Role::Header(_) => self.audio_header_due = false,
            Role::Keyframe => {
                self.waiting_for_keyframe = false;
                self.sound_waits_too = false;
                self.in_hole = false;
                if std::mem::take(&mut self.video_header_due) {
                    self.push_header(&headers.video, message.stamp);
                }
            }
            Role::Picture if self.waiting_for_keyframe => return dropped + usize::from(self.in_hole),
            Role::Sound(_) if self.sound_waits_too && headers.video.is_some() => return dropped,
            Role::Sound(_) => {
                if std::mem::take(&mut self.audio_header_due) {
                    self.push_header(&headers.audio, message.stamp);
                }
            }
            Role::Picture | Role::Data => {}
            Role::Foreign(_) | Role::Ignored => return dropped,
        }
        self.queue.push(message.clone());
        dropped
    }

    /// Lets the reader take what waits, and then end.
    pub(crate) fn close(&self) {
        self.queue.close();
    }

    /// Whether this seat writes to `queue`.
    pub(crate) fn feeds(&self, queue: &std::sync::Arc<Queue>) -> bool {
        std::sync::Arc::ptr_eq(&self.queue, queue)
    }

    fn push_header(&self, header: &Option<Message>, stamp: u32) {
        if let Some(header) = header {
            self.queue.push(Message {
                stamp,
                ..header.clone()
            });
        }
    }
}

/// The reading end.
#[derive(Default)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Notify,
}

#[derive(Default)]
struct Waiting {
    messages: VecDeque<Message>,
    bytes: usize,
    closed: bool,
}

impl Queue {
    /// Waits until there is something and takes some of it; `None` once the stream is over and nothing is left.
    pub(crate) async fn take(&self) -> Option<Vec<Message>> {
        loop {
            {
                let mut waiting = self.lock();
                if !waiting.messages.is_empty() {
                    let count = waiting.messages.len().min(BATCH);
                    let batch: Vec<_> = waiting.messages.drain(..count).collect();
                    waiting.bytes -= batch.iter().map(|message| message.body.len()).sum::<usize>();
                    return Some(batch);
                }
                if waiting.closed {
                    return None;
                }
            }
            self.changed.notified().await;
        }
    }

    fn push(&self, message: Message) {
        let mut waiting = self.lock();
        waiting.bytes += message.body.len();
        waiting.messages.push_back(message);
        drop(waiting);
        self.changed.notify_one();
    }

    fn is_full(&self) -> bool {
        let waiting = self.lock();
        waiting.messages.len() >= MAX_MESSAGES || waiting.bytes >= MAX_BYTES
    }

    fn clear(&self) -> usize {
        let mut waiting = self.lock();
        waiting.bytes = 0;
        std::mem::take(&mut waiting.messages).len()
    }

    fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::*;
    use crate::codec::Track;

    fn message(kind: Kind, stamp: u32) -> Message {
        Message {
            kind,
            stamp,
            body: Bytes::from(vec![stamp as u8; 10]),
        }
    }

    fn headers() -> Headers {
        Headers {
            metadata: None,
            video: Some(message(Kind::Video, 1)),
            audio: Some(message(Kind::Audio, 2)),
        }
    }

    async fn stamps(queue: &Queue) -> Vec<u32> {
        queue
            .take()
            .await
            .unwrap()
            .iter()
            .map(|message| message.stamp)
            .collect()
    }

    #[tokio::test]
    async fn headers_and_sound_come_at_once_and_pictures_from_the_next_keyframe() {
        let queue = Arc::new(Queue::default());
        let mut seat = Seat::new(queue.clone(), &headers(), 100, false);
        for (kind, role, stamp) in [
            (Kind::Video, Role::Picture, 101),
            (Kind::Audio, Role::Sound(None), 102),
            (Kind::Video, Role::Keyframe, 103),
            (Kind::Video, Role::Picture, 104),
            (Kind::Video, Role::Foreign(Track::named("H265")), 105),
        ] {
            assert_eq!(seat.offer(&message(kind, stamp), &role, &headers()), 0);
        }
        assert_eq!(stamps(&queue).await, [100, 100, 102, 103, 104]);
        seat.close();
        assert_eq!(queue.take().await, None);
    }

    #[tokio::test]
    async fn sound_can_wait_for_the_first_picture() {
        let queue = Arc::new(Queue::default());
        let mut seat = Seat::new(queue.clone(), &headers(), 100, true);
        seat.offer(&message(Kind::Audio, 101), &Role::Sound(None), &headers());
        seat.offer(&message(Kind::Video, 102), &Role::Keyframe, &headers());
        seat.offer(&message(Kind::Audio, 103), &Role::Sound(None), &headers());
        assert_eq!(stamps(&queue).await, [100, 100, 102, 103]);
    }

    #[tokio::test]
    async fn a_full_queue_is_emptied_counted_and_goes_on_with_headers_and_keyframe() {
        let queue = Arc::new(Queue::default());
        let mut seat = Seat::new(queue.clone(), &headers(), 0, false);
        let filling = MAX_MESSAGES as u32 - 2;
        assert_eq!(seat.offer(&message(Kind::Video, 3), &Role::Keyframe, &headers()), 0);
        let lost: usize = (0..filling)
            .map(|stamp| seat.offer(&message(Kind::Video, stamp), &Role::Picture, &headers()))
            .sum();
        assert_eq!(
            lost,
            MAX_MESSAGES + 1,
            "all that waited, and the picture that found it full"
        );
        assert_eq!(seat.offer(&message(Kind::Video, 5), &Role::Picture, &headers()), 1);
        assert_eq!(seat.offer(&message(Kind::Audio, 6), &Role::Sound(None), &headers()), 0);
        assert_eq!(seat.offer(&message(Kind::Video, 7), &Role::Keyframe, &headers()), 0);
        let taken = queue.take().await.unwrap();
        let order: Vec<_> = taken.iter().map(|message| (message.stamp, message.body[0])).collect();
        assert_eq!(
            order,
            [(6, 2), (6, 6), (7, 1), (7, 7)],
            "each header again before its kind goes on"
        );
    }
}
