//! The talking test stream: pictures and sound are made here, on one media timeline, in real time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as app;

use super::egress::Egress;
use super::encode::{self, PRIMING, Stamper};
use super::{Ended, ORIGIN_NS, Options, Started, pace};
use crate::element::{self, Running};
use crate::picture::Painter;
use crate::sound::Sound;
use crate::talk::Talk;

const BLOCK: u64 = 1024;
const SECOND_NS: u64 = 1_000_000_000;
/// Raw pictures that wait for the encoder: more means that this machine is too slow for the stream.
const MOST_WAITING: u64 = 60;

pub(super) fn run(options: &Options, stop: &AtomicBool, on_start: &mut dyn FnMut(&Started)) -> Result<Ended> {
    let run = super::draw_run();
    let stamper = Stamper::new(run, !options.no_audio, options.clock_ppm);
    let talk = (!options.no_audio && !options.no_talk)
        .then(|| Talk::speak(options.rate))
        .transpose()?;
    let egress = Egress::open(&options.url, !options.no_video, !options.no_audio)?;
    let mut source = Source::open(options, &egress, &stamper, talk)?;

    let start_ns = element::now_ns();
    stamper.start(start_ns);
    on_start(&Started {
        event: "publishing",
        input: "pattern".into(),
        video: if options.no_video { "none" } else { "encoded" },
        audio: if options.no_audio { "none" } else { "encoded" },
        run,
        start_ns,
    });
    let end_ns = options.seconds.map_or(u64::MAX, |seconds| (seconds * 1e9) as u64);
    while !stop.load(Ordering::Acquire) && source.due_ns() < end_ns {
        egress.check()?;
        source.check()?;
        let due_ns = start_ns + pace::lasts(source.due_ns(), options.clock_ppm);
        let wait = due_ns.saturating_sub(element::now_ns());
        if wait > 0 {
            std::thread::sleep(Duration::from_nanos(wait));
        }
        source.push()?;
    }
    let seconds = source.due_ns() as f64 / 1e9;
    source.end();
    egress.finish()?;
    Ok(Ended {
        event: "ended",
        access_units: stamper.frames(),
        seconds,
    })
}

struct Source {
    pipeline: Running,
    video: Option<Pictures>,
    audio: Option<Sounds>,
}

struct Pictures {
    source: app::AppSrc,
    painter: Painter,
    fps: u64,
    count: u64,
}

struct Sounds {
    source: app::AppSrc,
    sound: Sound,
    rate: u64,
    blocks: u64,
}

impl Source {
    fn open(options: &Options, egress: &Egress, stamper: &Stamper, talk: Option<Talk>) -> Result<Self> {
        let pipeline = Running(gst::Pipeline::new());
        let source = |caps: &gst::Caps| {
            app::AppSrc::builder()
                .caps(caps)
                .format(gst::Format::Time)
                .is_live(false)
                .block(false)
                .build()
        };
        let (width, height) = options.size;
        let mut video = None;
        if let Some(track) = &egress.video {
            let caps = gst::Caps::builder("video/x-raw")
                .field("format", "I420")
                .field("width", width as i32)
                .field("height", height as i32)
                .field("framerate", gst::Fraction::new(options.fps as i32, 1))
                .build();
            let source = source(&caps);
            let sink = encode::video_sink(track.clone(), stamper.clone());
            let encoder = encode::x264(options)?;
            let filter = element::filter(&element::avc())?;
            element::chain(&pipeline, &[source.upcast_ref(), &encoder, &filter, sink.upcast_ref()])?;
            let painter = Painter::new(width, height);
            video = Some(Pictures {
                source,
                painter,
                fps: u64::from(options.fps),
                count: 0,
            });
        }
        let mut audio = None;
        if let Some(track) = &egress.audio {
            let channels = if options.mono { 1 } else { 2 };
            let caps = gst::Caps::builder("audio/x-raw")
                .field("format", "F32LE")
                .field("layout", "interleaved")
                .field("rate", options.rate as i32)
                .field("channels", channels)
                .build();
            let source = source(&caps);
            let sink = encode::audio_sink(track.clone());
            let [convert, encoder, filter] = encode::aac()?;
            element::chain(
                &pipeline,
                &[source.upcast_ref(), &convert, &encoder, &filter, sink.upcast_ref()],
            )?;
            let sound = Sound::new(options.rate, channels as usize, talk);
            audio = Some(Sounds {
                source,
                sound,
                rate: u64::from(options.rate),
                blocks: 0,
            });
        }
        pipeline
            .set_state(gst::State::Playing)
            .context("cannot start the encoders")?;
        Ok(Self { pipeline, video, audio })
    }

    /// When the next picture or block of sound exists, on the media timeline.
    fn due_ns(&self) -> u64 {
        let video = self.video.as_ref().map_or(u64::MAX, Pictures::due_ns);
        let audio = self.audio.as_ref().map_or(u64::MAX, Sounds::due_ns);
        video.min(audio)
    }

    fn push(&mut self) -> Result<()> {
        let due = self.due_ns();
        if let Some(video) = self.video.as_mut().filter(|video| video.due_ns() == due) {
            video.push()?;
        }
        if let Some(audio) = self.audio.as_mut().filter(|audio| audio.due_ns() == due) {
            audio.push()?;
        }
        Ok(())
    }

    fn check(&self) -> Result<()> {
        if let Some(element::Ended::Error(reason)) = element::ended(&self.pipeline, gst::ClockTime::ZERO) {
            bail!("encoding failed: {reason}");
        }
        if self
            .video
            .as_ref()
            .is_some_and(|video| video.source.current_level_buffers() > MOST_WAITING)
        {
            bail!("this machine is too slow to encode the stream");
        }
        Ok(())
    }

    /// Ends the encoders, which end the tracks of the egress in turn.
    fn end(&self) {
        for source in [
            self.video.as_ref().map(|v| &v.source),
            self.audio.as_ref().map(|a| &a.source),
        ] {
            // An error means that the encoder has ended already.
            let _ = source.map(app::AppSrc::end_of_stream);
        }
        let _ = element::ended(&self.pipeline, gst::ClockTime::from_seconds(3));
    }
}

impl Pictures {
    fn due_ns(&self) -> u64 {
        self.count * SECOND_NS / self.fps
    }

    fn push(&mut self) -> Result<()> {
        let media_ns = self.due_ns();
        let mut buffer = gst::Buffer::from_mut_slice(self.painter.paint(self.count, media_ns));
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(gst::ClockTime::from_nseconds(ORIGIN_NS + media_ns));
            buffer.set_duration(gst::ClockTime::from_nseconds(SECOND_NS / self.fps));
        }
        self.count += 1;
        self.source.push_buffer(buffer).context("the video encoder has ended")?;
        Ok(())
    }
}

impl Sounds {
    /// A block exists when its last sample was heard.
    fn due_ns(&self) -> u64 {
        (self.blocks + 1) * BLOCK * SECOND_NS / self.rate
    }

    fn push(&mut self) -> Result<()> {
        let samples = self.sound.next(BLOCK as usize);
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let mut buffer = gst::Buffer::from_mut_slice(bytes);
        // Stamped earlier by what the encoder is late: what comes out of a decoder is then on the media timeline.
        let pts = ORIGIN_NS * self.rate / SECOND_NS + self.blocks * BLOCK - PRIMING;
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(gst::ClockTime::from_nseconds(pts * SECOND_NS / self.rate));
            buffer.set_duration(gst::ClockTime::from_nseconds(BLOCK * SECOND_NS / self.rate));
        }
        self.blocks += 1;
        self.source.push_buffer(buffer).context("the audio encoder has ended")?;
        Ok(())
    }
}
