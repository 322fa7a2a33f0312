//! Stands for a worker: passes a stream on, and does one kind of damage to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use dragoman_probe::{element, nal, stamp};
use gstreamer as gst;
use gstreamer::prelude::*;

/// The unit that is damaged, counted from the first one that the relay sees: well inside of what is measured.
const VICTIM: u64 = 120;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Damage {
    None,
    SoundLater(u64),
    LosePicture,
    ChangeSlice,
    LoseCaption,
    LoseSound,
}

/// Copies one stream to another path until it is dropped; connects again while there is nothing to read.
pub(crate) struct Relay {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    pub(crate) fn start(from: String, to: String, damage: Damage) -> Self {
        element::init().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Acquire) {
                copy(&from, &to, damage, &stopped);
                std::thread::park_timeout(Duration::from_millis(100));
            }
        });
        Self {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        let thread = self.thread.take().unwrap();
        thread.thread().unpark();
        thread.join().unwrap();
    }
}

fn copy(from: &str, to: &str, damage: Damage, stop: &AtomicBool) {
    let make = |name: &str| gst::ElementFactory::make(name).build().unwrap();
    let pipeline = gst::Pipeline::new();
    let source = gst::ElementFactory::make("rtmp2src")
        .property("location", from)
        .build()
        .unwrap();
    let sink = gst::ElementFactory::make("rtmp2sink")
        .property("location", to)
        .property("sync", false)
        .property("async", false)
        .build()
        .unwrap();
    let (demux, mux) = (make("flvdemux"), make("flvmux"));
    mux.set_property("streamable", true);
    let (video, audio) = (make("queue"), make("queue"));
    pipeline
        .add_many([&source, &demux, &mux, &sink, &video, &audio])
        .unwrap();
    source.link(&demux).unwrap();
    mux.link(&sink).unwrap();
    video.link_pads(Some("src"), &mux, Some("video")).unwrap();
    audio.link_pads(Some("src"), &mux, Some("audio")).unwrap();
    spoil(&video, move |count, buffer| spoil_picture(damage, count, buffer));
    spoil(&audio, move |count, buffer| spoil_sound(damage, count, buffer));
    let inputs = [("video", video.downgrade()), ("audio", audio.downgrade())];
    demux.connect_pad_added(move |_, pad| {
        let queue = inputs
            .iter()
            .find(|(name, _)| *name == pad.name())
            .and_then(|(_, queue)| queue.upgrade());
        if let Some(input) = queue.and_then(|queue| queue.static_pad("sink")) {
            let _ = pad.link(&input);
        }
    });
    let bus = pipeline.bus().unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let wanted = [gst::MessageType::Error, gst::MessageType::Eos];
    while !stop.load(Ordering::Acquire)
        && bus
            .timed_pop_filtered(gst::ClockTime::from_mseconds(50), &wanted)
            .is_none()
    {}
    pipeline.set_state(gst::State::Null).unwrap();
}

fn spoil(queue: &gst::Element, change: impl Fn(u64, gst::Buffer) -> Option<gst::Buffer> + Send + Sync + 'static) {
    let count = std::sync::atomic::AtomicU64::new(0);
    queue
        .static_pad("src")
        .unwrap()
        .add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            let Some(gst::PadProbeData::Buffer(buffer)) = info.data.take() else {
                return gst::PadProbeReturn::Ok;
            };
            info.data = change(count.fetch_add(1, Ordering::AcqRel), buffer).map(gst::PadProbeData::Buffer);
            if info.data.is_some() {
                gst::PadProbeReturn::Ok
            } else {
                gst::PadProbeReturn::Handled
            }
        });
}

fn spoil_picture(damage: Damage, count: u64, buffer: gst::Buffer) -> Option<gst::Buffer> {
    if count != VICTIM {
        return Some(buffer);
    }
    let unit = buffer.map_readable().unwrap().to_vec();
    let mut nals: Vec<Vec<u8>> = nal::split(&unit, 4).unwrap().into_iter().map(<[u8]>::to_vec).collect();
    match damage {
        Damage::LosePicture => return None,
        Damage::ChangeSlice => {
            let slice = nals.iter_mut().find(|nal| nal::is_slice(nal)).unwrap();
            *slice.last_mut().unwrap() ^= 0x40;
        }
        Damage::LoseCaption => {
            nals.retain(|nal| {
                nal::sei_messages(nal)
                    .iter()
                    .all(|(kind, _)| *kind != stamp::REGISTERED_T35)
            });
        }
        _ => return Some(buffer),
    }
    let mut changed = gst::Buffer::from_mut_slice(nal::join(&nals, 4));
    buffer
        .copy_into(changed.make_mut(), gst::BUFFER_COPY_METADATA, ..)
        .unwrap();
    Some(changed)
}

fn spoil_sound(damage: Damage, count: u64, mut buffer: gst::Buffer) -> Option<gst::Buffer> {
    match damage {
        Damage::LoseSound if count == VICTIM => return None,
        Damage::SoundLater(ms) => {
            let later = buffer.pts().map(|pts| pts + gst::ClockTime::from_mseconds(ms));
            let buffer = buffer.make_mut();
            buffer.set_pts(later);
            buffer.set_dts(later);
        }
        _ => {}
    }
    Some(buffer)
}

/// A short film with H.264 and AAC in Matroska.
pub(crate) fn clip(seconds: i32) -> tempfile::NamedTempFile {
    element::init().unwrap();
    let file = tempfile::Builder::new().suffix(".mkv").tempfile().unwrap();
    let make = |name: &'static str| gst::ElementFactory::make(name);
    let pipeline = gst::Pipeline::new();
    let pictures = make("videotestsrc")
        .property("num-buffers", seconds * 30)
        .build()
        .unwrap();
    let small = gst::Caps::builder("video/x-raw")
        .field("width", 320i32)
        .field("height", 180i32)
        .build();
    let filter = make("capsfilter").property("caps", &small).build().unwrap();
    let encode = make("x264enc")
        .property("key-int-max", 30u32)
        .property("bframes", 2u32)
        .build()
        .unwrap();
    let sounds = make("audiotestsrc")
        .property("num-buffers", seconds * 44_100 / 1024)
        .build()
        .unwrap();
    let aac = make("avenc_aac").build().unwrap();
    let mux = make("matroskamux").build().unwrap();
    let sink = make("filesink")
        .property("location", file.path().to_str().unwrap())
        .build()
        .unwrap();
    let (convert, parse) = (make("audioconvert").build().unwrap(), make("aacparse").build().unwrap());
    let queues = [make("queue").build().unwrap(), make("queue").build().unwrap()];
    let video = [&pictures, &filter, &encode, &queues[0]];
    let audio = [&sounds, &convert, &aac, &parse, &queues[1]];
    pipeline.add_many(video).unwrap();
    pipeline.add_many(audio).unwrap();
    pipeline.add_many([&mux, &sink]).unwrap();
    gst::Element::link_many(video).unwrap();
    gst::Element::link_many(audio).unwrap();
    queues.iter().for_each(|queue| queue.link(&mux).unwrap());
    mux.link(&sink).unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let wanted = [gst::MessageType::Error, gst::MessageType::Eos];
    let message = pipeline
        .bus()
        .unwrap()
        .timed_pop_filtered(gst::ClockTime::from_seconds(30), &wanted);
    assert!(
        message.is_some_and(|message| message.type_() == gst::MessageType::Eos),
        "cannot make a film"
    );
    pipeline.set_state(gst::State::Null).unwrap();
    file
}
