//! The order at the start: sound before pictures.
//!
//! The encoder is behind the pictures by its own delay and, without a hold, by the whole lead of silence, which comes in
//! one burst. Both tracks must be announced before the first frame of either (MediaMTX throws a late track's publisher
//! out), and the lead must be there before the first picture, since it is what makes the path appear.

use std::collections::VecDeque;

use super::{QUEUE, Tag};

/// The lead is over when the sound is this near to the first picture: an encoder's delay.
const OVER_MS: u32 = 100;

/// Keeps pictures back until the lead has gone before them.
pub(super) struct Lead {
    /// Pictures that wait; none once the lead is over.
    waiting: Option<VecDeque<Tag>>,
}

impl Default for Lead {
    fn default() -> Self {
        Self {
            waiting: Some(VecDeque::new()),
        }
    }
}

impl Lead {
    /// What can be sent now that `tag` is there, in order.
    pub(super) fn order(&mut self, tag: Tag) -> Vec<Tag> {
        let Some(waiting) = &mut self.waiting else {
            return vec![tag];
        };
        match tag {
            Tag::Audio { at_ms, .. } => {
                let is_over = waiting
                    .front()
                    .and_then(Tag::at_ms)
                    .is_some_and(|first| at_ms + OVER_MS >= first);
                let pictures = if is_over { self.waiting.take() } else { None };
                [tag].into_iter().chain(pictures.into_iter().flatten()).collect()
            }
            Tag::Video { .. } if waiting.len() < QUEUE => {
                waiting.push_back(tag);
                Vec::new()
            }
            // Without sound for so long there is no order to keep.
            Tag::Video { .. } => self.waiting.take().into_iter().flatten().chain([tag]).collect(),
            Tag::VideoHeader { .. } | Tag::AudioHeader(_) => vec![tag],
        }
    }

    /// The router was away when the lead was to be sent: what comes now is live. Gives back how many pictures go.
    pub(super) fn give_up(&mut self) -> u64 {
        self.waiting.take().map_or(0, |waiting| waiting.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use dragoman_timeline::Clock;

    use super::*;

    fn audio(at_ms: u32) -> Tag {
        Tag::Audio {
            at_ms,
            body: Bytes::new(),
        }
    }

    fn video(at_ms: u32) -> Tag {
        Tag::Video {
            at_ms,
            body: Bytes::new(),
            is_key: at_ms == 2_600,
            arrival: Clock::ZERO,
        }
    }

    /// Positive for sound, negative for pictures.
    fn order(tags: impl IntoIterator<Item = Tag>) -> Vec<i64> {
        let mut lead = Lead::default();
        let sent = tags.into_iter().flat_map(|tag| lead.order(tag));
        sent.filter_map(|tag| match tag {
            Tag::Audio { at_ms, .. } => Some(i64::from(at_ms)),
            Tag::Video { at_ms, .. } => Some(-i64::from(at_ms)),
            Tag::VideoHeader { .. } | Tag::AudioHeader(_) => None,
        })
        .collect()
    }

    #[test]
    fn without_a_hold_the_burst_of_silence_goes_first() {
        let pictures = [video(2_600), video(2_633)];
        let sound = (0..=125).map(|n| audio(79 + n * 64 / 3));
        let sent = order(pictures.into_iter().chain(sound).chain([video(2_766)]));
        let first = sent.iter().position(|t| *t < 0).unwrap();
        assert!((2_500..2_600).contains(&sent[first - 1]));
        assert_eq!(&sent[first..first + 2], [-2_600, -2_633], "none is lost");
        assert_eq!(sent.len(), 129);
        assert_eq!(sent.last(), Some(&-2_766), "once it is over nothing waits");
    }

    #[test]
    fn pictures_do_not_wait_for_sound_that_never_comes() {
        let sent = order((0..=QUEUE as u32).map(|n| video(2_600 + n * 33)));
        assert_eq!(sent.len(), QUEUE + 1);
    }
}
