//! Whether a source is served, and how.

use super::super::codecs::{self, Pull};
use super::super::room::{Halves, Offer};
use super::super::settings::Settings;
use super::Machine;
use super::state::{Refusal, RefusalKind, Source};
use crate::spec::Tracks;

/// The reason when the service drains.
const DRAINING: &str = "the service is draining: it takes no further streams";

impl Machine {
    /// What a source asks for and how it is served, or why it is not.
    pub(super) fn judge(&self, source: &Source) -> Result<(Settings, Pull, Option<Tracks>), Refusal> {
        let refusal = |kind| move |reason| Refusal { kind, reason };
        if !is_stream_id(&self.id) {
            let reason = "invalid stream id: it must be 1 to 64 of A-Z a-z 0-9 _ -".to_owned();
            return Err(Refusal {
                kind: RefusalKind::StreamId,
                reason,
            });
        }
        let settings = self
            .policy
            .defaults
            .overridden_by(&source.query)
            .map_err(refusal(RefusalKind::Query))?;
        let Some(tracks) = &source.tracks else {
            return Ok((settings, Pull::Rtmp, None));
        };
        let (pull, found) = codecs::judge(tracks, self.policy.rtsp).map_err(refusal(RefusalKind::Codec))?;
        Ok((settings, pull, Some(found)))
    }
}

/// Why a stream with these settings does not get in, if it does not.
pub(super) fn turned_away(settings: &Settings, offer: Offer) -> Option<Refusal> {
    let needed = Halves::of(settings.targets.len());
    match offer {
        Offer::Draining => Some(Refusal {
            kind: RefusalKind::Draining,
            reason: DRAINING.to_owned(),
        }),
        Offer::Free(free) if needed > free => Some(Refusal {
            kind: RefusalKind::Full,
            reason: format!("no room: this stream takes {needed} of the slots for streams, and {free} are free"),
        }),
        Offer::Free(_) => None,
    }
}

/// What the router may call a stream that is served.
pub(crate) fn is_stream_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}
