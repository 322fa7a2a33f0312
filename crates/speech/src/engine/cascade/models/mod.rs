//! The built-in models as stages: Whisper hears, OPUS-MT or MADLAD-400 translate, Pocket TTS speaks.
//!
//! Nothing is downloaded here: what is missing is named, with the command that gets it.

mod hear;
mod speak;
mod translate;

use std::path::Path;
use std::sync::Arc;

use dragoman_models::device;
use dragoman_models::linear::Precision;
use dragoman_models::store::{Store, manifest};
use dragoman_models::{Device, Error};

use self::hear::Ears;
use self::speak::Voices;
use self::translate::Translators;
use super::load::{Choice, DeviceError};
use super::pairs::Pairs;
use super::stage::{Call, Failure, Recognise, Synthesise, Translate};
use crate::config::{Config, Wanted};
use crate::engine::Model;

/// Where models come from and run.
pub(super) struct Models {
    store: Store,
    device: Device,
    pairs: Pairs,
    /// Whether the recogniser needs no translator into English.
    into_english: bool,
}

impl Models {
    /// Opens the device.
    pub(super) fn open(config: &Config) -> Result<Self, DeviceError> {
        let wanted = match config.device {
            Wanted::Auto => device::Wanted::Auto,
            Wanted::Cpu => device::Wanted::Cpu,
            Wanted::Cuda => device::Wanted::Cuda,
            Wanted::Metal => device::Wanted::Metal,
        };
        let device = Device::open(wanted).map_err(|error| DeviceError(error.to_string()))?;
        tracing::info!(wanted = ?config.device, device = device.name(), "models run here");
        Ok(Self {
            store: Store::open(&config.cache),
            device,
            pairs: config.pairs.clone(),
            into_english: false,
        })
    }

    pub(super) fn device(&self) -> &'static str {
        self.device.name()
    }

    pub(super) fn recognise(&mut self, choice: Option<&Choice>) -> Result<Arc<dyn Recognise>, String> {
        let ears = match choice {
            Some(Choice::Directory(dir)) => {
                let files = Store::whisper_in(dir).map_err(|missing| missing.to_string())?;
                Ears::load(shown(dir, "asr"), &files, self)?
            }
            choice => {
                let name = match choice {
                    Some(Choice::Model(name)) => name.as_str(),
                    _ if self.device.is_cpu() => "whisper-base",
                    _ => "whisper-large-v3-turbo",
                };
                let files = self.store.whisper(name).map_err(|missing| missing.to_string())?;
                Ears::load(self.described(name, "asr"), &files, self)?
            }
        };
        self.into_english = ears.hears_english();
        Ok(Arc::new(ears))
    }

    pub(super) fn translate(&self, choice: Option<&Choice>) -> Result<Arc<dyn Translate>, String> {
        Ok(Arc::new(Translators::load(self, choice)?))
    }

    pub(super) fn synthesise(&self, choice: Option<&Choice>) -> Result<Arc<dyn Synthesise>, String> {
        Ok(Arc::new(Voices::load(self, choice)?))
    }

    /// Processors are short of memory bandwidth, which 8 bits save; GPUs are not.
    fn precision(&self) -> Precision {
        if self.device.is_cpu() {
            Precision::Q8
        } else {
            Precision::Full
        }
    }

    /// What the manifest says of a model, and the lock of its files.
    fn described(&self, name: &str, stage: &'static str) -> Model {
        match manifest::find(name) {
            Ok(found) => Model {
                attribution: (!found.attribution.is_empty()).then(|| found.attribution.to_owned()),
                revision: self.store.commit(&found),
                stage: Some(stage),
                ..Model::new(found.name, found.licence)
            },
            Err(_) => Model {
                stage: Some(stage),
                ..Model::new(name, "NOASSERTION")
            },
        }
    }
}

/// A model of the user's own, of which the manifest knows nothing.
fn shown(dir: &Path, stage: &'static str) -> Model {
    Model {
        stage: Some(stage),
        ..Model::new(dir.display().to_string(), "NOASSERTION")
    }
}

/// What a model could not do; the code is the model's own.
fn failure(error: &Error) -> Failure {
    Failure::failed(error.code(), error.to_string())
}

/// The reason to stop, as a failure, if there is one by now.
fn stopped(call: &Call<'_>) -> Result<(), Failure> {
    (call.stopped)().map_or(Ok(()), |stop| Err(Failure::Stopped(stop)))
}
