//! Whisper as a stage.

use dragoman_audio::pcm;
use dragoman_models::whisper::{Ask, Files, Filter, Task, Whisper};

use super::super::stage::{Call, Failure, Heard, Recognise, Speech, Stage, primary};
use super::{Models, failure, stopped};
use crate::engine::Model;

pub(super) struct Ears {
    whisper: Whisper,
    model: Model,
    languages: Vec<String>,
}

impl Ears {
    pub(super) fn load(model: Model, files: &Files, models: &Models) -> Result<Self, String> {
        let whisper =
            Whisper::load(files, &models.device, models.precision()).map_err(|error| format!("asr: {error}"))?;
        let languages = whisper.languages();
        let model = Model {
            languages: languages.clone(),
            ..model
        };
        Ok(Self {
            whisper,
            model,
            languages,
        })
    }
}

impl Stage for Ears {
    fn models(&self) -> Vec<Model> {
        vec![self.model.clone()]
    }
}

impl Recognise for Ears {
    /// A model of one language takes everything for that language.
    fn recognises(&self, lang: &str) -> bool {
        lang == "auto" || self.languages.iter().any(|known| known == primary(lang))
    }

    fn hears_english(&self) -> bool {
        self.whisper.translates()
    }

    fn recognise(&self, speech: &Speech<'_>, call: &Call<'_>) -> Result<Heard, Failure> {
        let mut samples = Vec::with_capacity(speech.pcm.len());
        pcm::extend_f32(speech.pcm, &mut samples);
        let cancelled = || (call.stopped)().is_some();
        let ask = Ask {
            language: speech.lang.map(primary),
            task: if speech.into_english {
                Task::Translate
            } else {
                Task::Transcribe
            },
            prompt: speech.prompt,
            cancelled: &cancelled,
        };
        let heard = self.whisper.hear(&samples, &ask).map_err(|error| failure(&error))?;
        if heard.filtered == Some(Filter::Cancelled) {
            stopped(call)?;
        }
        let took = heard.took;
        tracing::debug!(
            stream = call.stream,
            lang = heard.language,
            no_speech = heard.no_speech,
            log_prob = heard.log_prob,
            tokens = heard.tokens,
            mel_ms = took.mel.as_millis(),
            encoder_ms = took.encoder.as_millis(),
            decoder_ms = took.decoder.as_millis(),
            filtered = heard.filtered.map(Filter::as_str),
            "heard"
        );
        Ok(Heard {
            lang: heard.language,
            text: heard.text,
            filtered: heard.filtered.map(Filter::as_str),
        })
    }
}
