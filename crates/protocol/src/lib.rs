//! The wire contract between the media worker (client) and the speech service (server): messages, audio frames, ids,
//! version handshake, limits. No I/O and no async: both sides and their tests build on the same pure types.
//!
//! # Speech protocol, version 1
//!
//! `GET /v1/dub` with `Upgrade: websocket` and `Authorization: Bearer <key>`. The client lists `dragoman.dub.vN` as
//! subprotocols, the server picks the highest that it speaks ([`negotiate`]). Control is JSON in text frames, audio is binary
//! frames ([`frame`]). Unknown fields, types and enum values are ignored and counted ([`Parsed::ignored`]); what a peer must
//! understand is named in `features`.
//!
//! Refused before the upgrade ([`Refusal`]), with a JSON body `{code, message, …}`:
//!
//! | status | code | more |
//! | --- | --- | --- |
//! | 400 | `unsupported_version` | `supported`: list of version numbers |
//! | 401 | `unauthorized` | |
//! | 429 | `busy` | `retry_after_ms` |
//!
//! **Time.** Every `_ns` is i64 media time in nanoseconds since the session's first unit; it rises across publisher
//! reconnects and is never wall clock. A pts anchors a run; within a run samples count: a frame without the discontinuity
//! flag follows the previous one without a gap, whatever rounding its own pts shows.
//!
//! **Audio frame**, 24 bytes little endian, then `samples` x s16le mono:
//!
//! | offset | field | type | meaning |
//! | --- | --- | --- | --- |
//! | 0 | `kind` | u8 | 1 source, 2 dub |
//! | 1 | `target` | u8 | the target's `id`; 255 for source |
//! | 2 | `flags` | u16 | bit 0 first, bit 1 last, bit 2 discontinuity; other bits are ignored |
//! | 4 | `utterance` | u32 | dub: the utterance; source: 0 |
//! | 8 | `seq` | u32 | counts frames per kind and connection, from 0, wrapping |
//! | 12 | `samples` | u32 | PCM samples that follow; 0 only in a dub's last frame |
//! | 16 | `pts` | i64 | source: media time in ns; dub: offset in samples from the dub's start |
//!
//! **Client messages**
//!
//! | type | field | type | unit and meaning |
//! | --- | --- | --- | --- |
//! | `start` | | | first frame, within 5 s of the upgrade |
//! | | `stream` | string | stream id, `[A-Za-z0-9_-]{1,64}` |
//! | | `session` | string | session id, 1 to 64 characters |
//! | | `source` | string | spoken language (BCP-47) or `auto` |
//! | | `targets` | list | 1 to 8 of `id` (u8, below 255, unique), `lang` (BCP-47), `voice`? (engine's name for it) |
//! | | `rate` | u32 | source samples per second, 8000 to 48000 |
//! | | `hold_ms` | u32 | ms by which the programme is held |
//! | | `max_stale_ms` | u32 | ms after its end until which an utterance is worth starting |
//! | | `window_ms` | u32 | ms of queued dub at which a target is paused; 20000 if absent |
//! | | `from_ns` | i64 | media time of the first audio that the client can send |
//! | | `resume` | string? | the token of the connection that was lost |
//! | | `have` | list? | dub audio that arrived: `utterance`, `target`, `samples` (at dub_rate) |
//! | | `features` | list | names of what the server must understand; version 1 defines none |
//! | audio | | | kind 1; 20 to 80 ms a frame |
//! | `status` | | | every 500 ms |
//! | | `playhead_ns` | i64 | media time that viewers hear now |
//! | | `targets` | list | of `id`, `queued_ms` (ms of dub held unplayed), `wait_ms` (ms that the next dub is late), `rate` (playout speed, 1 to 1.25), `dubbed_to_ns` (source time up to which dubs were played or given up) |
//! | `cancel` | | | stop what is not yet sent |
//! | | `utterance` | u32 | |
//! | | `target` | u8? | absent: all targets |
//! | | `reason` | string | `shed` `stale` `truncated` `muted` |
//! | `end` | | | no more audio; the server finishes and says `done` |
//! | | `at_ns` | i64 | media time of the end |
//!
//! **Server messages**
//!
//! | type | field | type | unit and meaning |
//! | --- | --- | --- | --- |
//! | `ready` | | | answers `start` |
//! | | `resume` | string | token for a lost connection |
//! | | `resume_ms` | u32 | ms that the token holds after a loss |
//! | | `audio_from_ns` | i64 | the client sends audio from here on, again where it was sent already |
//! | | `resumed` | bool | the session goes on with its utterance ids; otherwise they start anew at 1 |
//! | | `engine` | string | name of the engine that runs |
//! | | `models` | list | models by name |
//! | | `dub_rate` | u32 | samples per second of dub audio |
//! | | `lag_ms` | object? | `p50`, `p95`: ms from an utterance's end to its first dub sample, where known |
//! | | `features` | list | names of what the client must understand; version 1 defines none |
//! | `activity` | | | voice began or ended |
//! | | `speech` | bool | |
//! | | `at_ns` | i64 | |
//! | `utterance` | | | sent when cut; sent again with `text` and `lang` when recognised, all else equal |
//! | | `utterance` | u32 | id; rises by one from 1 in a session |
//! | | `start_ns` | i64 | exact to the sample |
//! | | `end_ns` | i64 | exact to the sample |
//! | | `cut` | string | `pause` `clause` `cap` `end` |
//! | | `lang` | string | spoken language, as far as known |
//! | | `text` | string | what was said; empty until recognised |
//! | `dub` | | | comes before the first audio frame of a dub, sent again when text or estimate grows |
//! | | `utterance` | u32 | |
//! | | `target` | u8 | |
//! | | `text` | string | what the dub says |
//! | | `estimate_ms` | u32 | ms that the dub will last |
//! | | `stage_ms` | object | ms spent: `asr`, `mt`, `tts` (to the first sample) |
//! | audio | | | kind 2 at dub_rate; dubs of a target come in order of utterance and do not interleave |
//! | `dub_end` | | | once for each utterance and target |
//! | | `utterance` | u32 | |
//! | | `target` | u8 | |
//! | | `outcome` | string | `done` `empty` `cancelled` `late` `failed` |
//! | | `samples` | u64 | samples of the dub, those before a resume included |
//! | | `code` | string? | why it failed |
//! | `stats` | | | every 1 s |
//! | | `settled_ns` | i64 | every utterance that begins before it has its `dub_end`, and none will begin before it |
//! | | `open` | u32 | utterances without a `dub_end` for each target |
//! | | `backlog_ms` | u32 | ms of source audio in open utterances |
//! | `draining` | | | the server will go away; move to another host |
//! | | `deadline_ms` | u32 | ms until it closes with 1001 |
//! | `error` | | | |
//! | | `code` | string | stable, see [`code`] |
//! | | `message` | string | for people |
//! | | `retryable` | bool | whether the same request can succeed later |
//! | | `utterance` | u32? | what it concerns, if one utterance |
//! | `done` | | | all that was said is settled; the server closes with 1000 |
//! | | `utterances` | u32 | how many there were |
//!
//! **Resume, same host.** The token holds 10 s after the loss; the server names `audio_from_ns`, goes on with each dub after
//! what `have` tells (a dub that is not in `have` from its first sample), and keeps PCM until `dubbed_to_ns` has passed its
//! utterance. `utterance`, `dub` and `dub_end` of what is kept are sent again. An unknown or expired token is no error: the
//! session starts anew (`resumed: false`).
//!
//! **New host.** The client keeps 15 s of sent audio and starts at the oldest unsettled utterance, not before playhead -
//! max_stale, at no more than 4x real time. Utterance ids start anew: key by (connection, id).
//!
//! **Drain.** Make before break: the new host is `ready` before the old one gets `end` at an utterance's end.
//!
//! **Flow.** Upwards at most 1 s unsent, then the oldest is dropped and a discontinuity flagged; audio more than 15 s ahead
//! of real time closes with 4010. Downwards the server pauses a *target* at `queued_ms >= window_ms`, never the socket; at twice
//! that it closes with 4009. A client that does not read for 10 s is closed with 4008. The engine sheds what cannot start by
//! `end_ns + max_stale_ms`.
//!
//! **Liveness.** Pings at least every 20 s; 3 s without any frame while audio flows: lost.
//!
//! **Close codes** ([`CloseCode`])
//!
//! | code | name | |
//! | --- | --- | --- |
//! | 1000 | normal | after `done` |
//! | 1001 | going away | drain |
//! | 4001 | malformed | message, frame or order of them; too large |
//! | 4003 | unsupported | language, pair, voice or feature |
//! | 4008 | stalled | client does not read, or sends nothing and answers no ping |
//! | 4009 | window | twice `window_ms` is queued |
//! | 4010 | too fast | audio runs ahead of real time |
//! | 4011 | engine | the engine does not work any more: its device is lost, its memory full, its programs fail |
//! | 4029 | busy | no room after the upgrade |
//!
//! `POST /v1/dub?source=en&target=es` takes a WAV and answers a WAV and the text: for trying an engine by hand.

mod client;
pub mod close;
pub mod code;
pub mod frame;
mod ids;
pub mod limits;
pub mod negotiate;
mod parse;
mod refusal;
mod schema;
mod server;
mod start;

pub use client::{Cancel, CancelReason, ClientMessage, End, Have, Start, Status, Target, TargetStatus};
pub use close::CloseCode;
pub use frame::{AudioFrame, Flags, FrameError, Kind, Pcm};
pub use ids::{TargetId, UtteranceId};
pub use negotiate::Version;
pub use parse::{MessageError, Parsed};
pub use refusal::Refusal;
pub use schema::schema;
pub use server::{
    Activity, Cut, Done, Draining, Dub, DubEnd, LagMs, Outcome, Ready, ServerError, ServerMessage, StageMs, Stats,
    Utterance,
};
pub use start::StartError;

#[cfg(test)]
mod doc_test;
#[cfg(test)]
mod property_test;
#[cfg(test)]
mod snapshot_test;
