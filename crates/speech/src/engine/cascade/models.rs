//! The built-in models as stages.

use std::sync::Arc;

use super::load::{Choice, DeviceError};
use super::stage::{Recognise, Synthesise, Translate};
use crate::config::Config;

pub(super) struct Models;

impl Models {
    pub(super) fn open(_config: &Config) -> Result<Self, DeviceError> {
        Ok(Self)
    }

    pub(super) fn device(&self) -> &'static str {
        "cpu"
    }

    pub(super) fn recognise(&self, _: Option<&Choice>) -> Result<Arc<dyn Recognise>, String> {
        Err("todo".into())
    }

    pub(super) fn translate(&self, _: Option<&Choice>) -> Result<Arc<dyn Translate>, String> {
        Err("todo".into())
    }

    pub(super) fn synthesise(&self, _: Option<&Choice>) -> Result<Arc<dyn Synthesise>, String> {
        Err("todo".into())
    }
}
