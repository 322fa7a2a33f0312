//! The two branches behind a demuxer: access units as they came, sound decoded to the bed's format.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, anyhow, bail};
use bytes::Bytes;
use dragoman_timeline::{Clock, Pts};
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;

use super::{Pace, Sink};
use crate::worker::clock;
use crate::worker::egress::flv;
use crate::worker::pacer::Input;
use crate::worker::playhead::{Frame, Picture, RATE, Sound};

/// Whose time stamps are believed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stamps {
    /// The buffers' own: RTMP's are the publisher's, over all connections.
    Buffers,
    /// Running time: RTSP's start anew with each connection.
    Running,
}

/// From any decoder's PCM to the bed's.
const CONVERT: [&str; 2] = ["audioconvert", "audioresample"];

/// Elements for a codec, in order, from the demuxer's pad to PCM.
fn decoder_of(caps: &gst::StructureRef) -> Result<&'static [&'static str]> {
    Ok(match caps.name().as_str() {
        "audio/mpeg" if caps.get::<i32>("mpegversion").is_ok_and(|v| v == 1) => &["mpegaudioparse", "avdec_mp3"],
        "audio/mpeg" => &["aacparse", "avdec_aac"],
        "audio/x-alaw" => &["alawdec"],
        "audio/x-mulaw" => &["mulawdec"],
        "application/x-rtp" => match caps.get::<&str>("encoding-name").unwrap_or_default() {
            "MPEG4-GENERIC" => &["rtpmp4gdepay", "aacparse", "avdec_aac"],
            "MP4A-LATM" => &["rtpmp4adepay", "aacparse", "avdec_aac"],
            "MPA" => &["rtpmpadepay", "mpegaudioparse", "avdec_mp3"],
            "OPUS" => &["rtpopusdepay", "opusdec"],
            "AC3" => &["rtpac3depay", "avdec_ac3"],
            "PCMA" => &["rtppcmadepay", "alawdec"],
            "PCMU" => &["rtppcmudepay", "mulawdec"],
            other => bail!("the audio codec {other} cannot be decoded"),
        },
        other => bail!("the audio codec {other} cannot be decoded"),
    })
}

/// Access units in `avc` form, one a buffer.
fn unpack_of(caps: &gst::StructureRef) -> Result<&'static [&'static str]> {
    Ok(match caps.name().as_str() {
        "video/x-h264" => &["h264parse"],
        "application/x-rtp" => match caps.get::<&str>("encoding-name").unwrap_or_default() {
            // RTP has no decoding times; the stamper reads them off the order of the pictures.
            "H264" => &["rtph264depay", "h264parse", "h264timestamper"],
            other => bail!("the video codec {other} cannot be passed through"),
        },
        other => bail!("the video codec {other} cannot be passed through"),
    })
}

const VIDEO_SINK: &str = "ingest-video";
const AUDIO_SINK: &str = "ingest-sound";

fn discard(pipeline: &gst::Pipeline, pad: &gst::Pad) -> Result<()> {
    let sink = gst::ElementFactory::make("fakesink")
        .property("sync", false)
        .property("async", false)
        .build()?;
    pipeline.add(&sink)?;
    let entry = sink
        .static_pad("sink")
        .ok_or_else(|| anyhow!("a sink without an entry"))?;
    pad.link(&entry)?;
    sink.sync_state_with_parent()?;
    Ok(())
}

fn is_audio(caps: &gst::StructureRef) -> bool {
    caps.name().starts_with("audio/") || caps.get::<&str>("media").is_ok_and(|m| m == "audio")
}

/// What kind of branch a demuxer's pad wants.
fn is_video(caps: &gst::StructureRef) -> bool {
    caps.name().starts_with("video/") || caps.get::<&str>("media").is_ok_and(|m| m == "video")
}

/// Builds a branch for `pad` and links it: for the first picture and the first sound; what else a source has (a second
/// language, captions, data) goes nowhere.
pub(super) fn attach(pipeline: &gst::Pipeline, pad: &gst::Pad, stamps: Stamps, sink: &Sink) -> Result<()> {
    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    let structure = caps.structure(0).ok_or_else(|| anyhow!("a track without a format"))?;
    let name = if is_video(structure) { VIDEO_SINK } else { AUDIO_SINK };
    if !(is_video(structure) || is_audio(structure)) || pipeline.by_name(name).is_some() {
        return discard(pipeline, pad);
    }
    let (names, appsink) = if is_video(structure) {
        (unpack_of(structure)?.to_vec(), video_sink(stamps, sink.clone()))
    } else {
        let mut names = decoder_of(structure)?.to_vec();
        names.extend(CONVERT);
        (names, audio_sink(stamps, sink.clone()))
    };
    let mut chain = Vec::new();
    for name in names {
        chain.push(gst::ElementFactory::make(name).build()?);
    }
    chain.push(appsink.upcast());
    pipeline.add_many(&chain)?;
    gst::Element::link_many(&chain)?;
    let entry = chain
        .first()
        .and_then(|e| e.static_pad("sink"))
        .ok_or_else(|| anyhow!("a branch without an entry"))?;
    if !is_video(structure) {
        // The decoder's input has the real format; FLV's own tags say 44.1 kHz whatever it is.
        let decoder = chain.iter().rev().nth(CONVERT.len() + 1);
        watch_format(
            decoder.and_then(|e| e.static_pad("sink")).as_ref().unwrap_or(&entry),
            sink,
        );
    }
    pad.link(&entry)?;
    for element in &chain {
        element.sync_state_with_parent()?;
    }
    Ok(())
}

fn watch_format(pad: &gst::Pad, sink: &Sink) {
    let sink = sink.clone();
    pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        if let Some(gst::EventView::Caps(caps)) = info.event().map(|e| e.view())
            && let Some(structure) = caps.caps().structure(0)
        {
            sink.describe(Input::AudioFormat(describe_sound(structure)));
        }
        gst::PadProbeReturn::Ok
    });
}

fn describe_sound(caps: &gst::StructureRef) -> String {
    let codec = match caps.name().as_str() {
        "audio/mpeg" if caps.get::<i32>("mpegversion").is_ok_and(|v| v == 1) => "MP3",
        "audio/mpeg" => "AAC",
        "audio/x-opus" => "Opus",
        "audio/x-ac3" => "AC-3",
        "audio/x-alaw" => "G.711 A-law",
        "audio/x-mulaw" => "G.711 mu-law",
        other => other,
    };
    let rate = caps.get::<i32>("rate");
    let mut text = codec.to_owned();
    if let Ok(rate) = rate {
        text += &format!(" {rate} Hz");
    }
    if let Ok(channels) = caps.get::<i32>("channels") {
        text += &format!(" {channels} ch");
    }
    text
}

fn stamp_of(time: Option<gst::ClockTime>, sample: &gst::Sample, stamps: Stamps) -> Option<Pts> {
    let time = match stamps {
        Stamps::Buffers => time?,
        Stamps::Running => {
            let segment = sample.segment()?.downcast_ref::<gst::ClockTime>()?;
            segment.to_running_time(time?)?
        }
    };
    i64::try_from(time.nseconds()).ok().map(Pts::from_ns)
}

fn app_sink(name: &str, caps: &gst::Caps, on: impl FnMut(&gst::Sample) + Send + 'static) -> gst_app::AppSink {
    let on = Mutex::new(on);
    gst_app::AppSink::builder()
        .name(name)
        .caps(caps)
        // An RTMP source is not live here: with preroll, a sink that waits for its track would hold up the other one for good.
        .sync(false)
        .async_(false)
        .callbacks(
            gst_app::AppSinkCallbacks::builder()
                .new_sample(move |sink| {
                    let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                    (on.lock().unwrap_or_else(PoisonError::into_inner))(&sample);
                    Ok(gst::FlowSuccess::Ok)
                })
                .build(),
        )
        .build()
}

fn video_sink(stamps: Stamps, sink: Sink) -> gst_app::AppSink {
    let caps = gst::Caps::builder("video/x-h264")
        .field("stream-format", "avc")
        .field("alignment", "au")
        .build();
    let mut known: Option<gst::Caps> = None;
    let mut config: Option<Bytes> = None;
    // A picture was dropped: the ones that refer to it are of no use.
    let mut skips_to_key = false;
    app_sink(VIDEO_SINK, &caps, move |sample| {
        let arrival = clock::now();
        if let Some(caps) = sample.caps()
            && known.as_deref() != Some(caps)
        {
            known = Some(caps.to_owned());
            config = new_config(caps).or(config.take());
            if let Some(size) = size_of(caps) {
                sink.describe(Input::VideoSize(size));
            }
        }
        let Some(picture) = picture(sample, stamps, arrival, config.take()) else {
            return;
        };
        if skips_to_key && !picture.is_key {
            sink.drop_unit();
            return;
        }
        let header = picture.header.clone();
        skips_to_key = !sink.unit(Input::Picture(picture), arrival);
        if skips_to_key {
            config = header;
        }
    })
}

fn new_config(caps: &gst::CapsRef) -> Option<Bytes> {
    let codec_data = caps.structure(0)?.get::<gst::Buffer>("codec_data").ok()?;
    let map = codec_data.map_readable().ok()?;
    Some(flv::picture_header(&map))
}

fn size_of(caps: &gst::CapsRef) -> Option<(u32, u32)> {
    let structure = caps.structure(0)?;
    let side = |name| structure.get::<i32>(name).ok().and_then(|s| u32::try_from(s).ok());
    Some((side("width")?, side("height")?))
}

fn picture(sample: &gst::Sample, stamps: Stamps, arrival: Clock, header: Option<Bytes>) -> Option<Picture> {
    let buffer = sample.buffer()?;
    let pts = stamp_of(buffer.pts(), sample, stamps);
    let dts = stamp_of(buffer.dts(), sample, stamps).or(pts)?;
    let composition_ms = i32::try_from(pts.map_or(0, |p| p.ms() - dts.ms())).unwrap_or(0);
    let is_key = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
    let map = buffer.map_readable().ok()?;
    Some(Picture {
        dts: Pts::from_ms(dts.ms()),
        body: flv::picture(&map, is_key, composition_ms),
        is_key,
        arrival,
        header,
    })
}

fn audio_sink(stamps: Stamps, sink: Sink) -> gst_app::AppSink {
    let caps = gst::Caps::builder("audio/x-raw")
        .field("format", "F32LE")
        .field("rate", RATE as i32)
        .field("channels", 2)
        .field("layout", "interleaved")
        .build();
    app_sink(AUDIO_SINK, &caps, move |sample| {
        let arrival = clock::now();
        let Some(buffer) = sample.buffer() else { return };
        let Some(pts) = stamp_of(buffer.pts(), sample, stamps) else {
            return;
        };
        let Ok(map) = buffer.map_readable() else { return };
        let frames = frames_of(&map);
        sink.unit(Input::Sound(Sound { pts, frames, arrival }), arrival);
    })
}

fn frames_of(bytes: &[u8]) -> Vec<Frame> {
    let sample = |b: &[u8]| b.try_into().map(f32::from_le_bytes).unwrap_or_default();
    bytes
        .chunks_exact(8)
        .map(|f| [sample(&f[..4]), sample(&f[4..])])
        .collect()
}

impl Sink {
    /// A description; lost with the queue full, and then only the API misses it.
    fn describe(&self, input: Input) {
        let _ = self.inputs.try_send(input);
    }

    /// A unit. When the pacer does not keep up the unit is dropped and counted, and this is false: nothing here may wait.
    fn unit(&self, input: Input, arrival: Clock) -> bool {
        self.came(arrival);
        if matches!(input, Input::Picture(_)) {
            self.pace.has_picture.store(true, Ordering::Relaxed);
        }
        let is_taken = self.inputs.try_send(input).is_ok();
        if !is_taken {
            self.drop_unit();
        }
        is_taken
    }

    /// The source is alive.
    pub(super) fn came(&self, arrival: Clock) {
        self.pace.last_unit_ns.store(arrival.ns(), Ordering::Relaxed);
    }

    fn drop_unit(&self) {
        self.pace.dropped.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn awaits_picture(&self) -> bool {
        self.awaits_picture
    }

    pub(super) fn pace(&self) -> &Arc<Pace> {
        &self.pace
    }
}
