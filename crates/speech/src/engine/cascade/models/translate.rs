//! OPUS-MT and MADLAD-400 as a stage: a model for each pair.

use std::ops::ControlFlow;
use std::path::Path;

use dragoman_models::Error;
use dragoman_models::marian::Marian;
use dragoman_models::store::Store;
use dragoman_models::t5::Madlad;

use super::super::load::Choice;
use super::super::pairs::Pair;
use super::super::stage::{Call, Failure, Sentence, Stage, Translate, primary, same};
use super::{Models, failure, shown, stopped};
use crate::engine::Model;

pub(super) struct Translators {
    pairs: Vec<(Pair, Translator)>,
    models: Vec<Model>,
}

#[derive(Clone)]
enum Translator {
    Opus(Marian),
    Madlad(Madlad),
}

impl Translators {
    /// A translator for each pair that the recogniser does not translate itself. All that is missing is said at once.
    pub(super) fn load(models: &Models, choice: Option<&Choice>) -> Result<Self, String> {
        let mut loaded = Self {
            pairs: Vec::new(),
            models: Vec::new(),
        };
        // One for all pairs, loaded when the first of them needs it.
        let mut madlad = None;
        let mut problems = Vec::new();
        for pair in &models.pairs.0 {
            if pair.to == "en" && models.into_english {
                continue;
            }
            match one(models, choice, pair, &mut madlad) {
                Ok((translator, model)) => loaded.add(pair, translator, model),
                Err(problem) => problems.push(problem),
            }
        }
        problems.dedup();
        if problems.is_empty() {
            Ok(loaded)
        } else {
            Err(problems.join("; "))
        }
    }

    fn add(&mut self, pair: &Pair, translator: Translator, model: Model) {
        self.pairs.push((pair.clone(), translator));
        match self.models.iter_mut().find(|known| known.name == model.name) {
            Some(known) => known.languages.push(pair.to_string()),
            None => self.models.push(Model {
                languages: vec![pair.to_string()],
                ..model
            }),
        }
    }
}

type Made = (Translator, Model);

fn one(models: &Models, choice: Option<&Choice>, pair: &Pair, madlad: &mut Option<Made>) -> Result<Made, String> {
    let Pair { from, to } = pair;
    match choice {
        Some(Choice::Directory(dir)) => {
            let dir = of_pair(dir, pair);
            // Its weights are in a file of another kind.
            if let Ok(files) = Store::madlad_in(&dir) {
                return all_pairs(models, madlad, to, || (files, shown(&dir, "mt")));
            }
            let files = Store::marian_in(&dir).map_err(|missing| missing.to_string())?;
            Ok((opus(models, &files, to)?, shown(&dir, "mt")))
        }
        Some(Choice::Model(name)) if name == "madlad" || name == "madlad-400-3b" => {
            let files = models.store.madlad().map_err(|missing| missing.to_string())?;
            all_pairs(models, madlad, to, || (files, models.described("madlad-400-3b", "mt")))
        }
        Some(Choice::Model(name)) if name != "opus-mt" => Err(format!(
            "mt: there is no translator {name:?}; there are: opus-mt, madlad"
        )),
        choice => match models.store.marian(from, to) {
            Ok(files) => {
                let name = format!("opus-mt-{from}-{to}");
                Ok((opus(models, &files, to)?, models.described(&name, "mt")))
            }
            // Not every pair has a model of its own: one that is there for all pairs is taken where nothing was chosen.
            Err(missing) => match models.store.madlad() {
                Ok(files) if choice.is_none() => {
                    all_pairs(models, madlad, to, || (files, models.described("madlad-400-3b", "mt")))
                }
                _ => Err(missing.to_string()),
            },
        },
    }
}

fn opus(models: &Models, files: &dragoman_models::marian::Files, to: &str) -> Result<Translator, String> {
    let load = || {
        let marian = Marian::load(files, &models.device, models.precision())?;
        if marian.targets().is_empty() {
            Ok(marian)
        } else {
            marian.with_target(to)
        }
    };
    load()
        .map(Translator::Opus)
        .map_err(|error: Error| format!("mt: {error}"))
}

fn all_pairs(
    models: &Models,
    made: &mut Option<Made>,
    to: &str,
    files: impl FnOnce() -> (dragoman_models::t5::Files, Model),
) -> Result<Made, String> {
    if made.is_none() {
        let (files, model) = files();
        let loaded = Madlad::load(&files, &models.device).map_err(|error| format!("mt: {error}"))?;
        *made = Some((Translator::Madlad(loaded), model));
    }
    match made {
        Some((Translator::Madlad(madlad), _)) if !madlad.languages().iter().any(|lang| same(lang, to)) => {
            Err(format!("mt: MADLAD-400 does not translate into {to:?}"))
        }
        Some(made) => Ok(made.clone()),
        None => Err("mt: no translator".into()),
    }
}

/// Of a directory with a model for each pair, the one of this pair; else the directory itself.
fn of_pair(dir: &Path, pair: &Pair) -> std::path::PathBuf {
    let own = dir.join(pair.to_string());
    if own.is_dir() { own } else { dir.to_owned() }
}

impl Stage for Translators {
    fn models(&self) -> Vec<Model> {
        self.models.clone()
    }
}

impl Translate for Translators {
    fn translates(&self, from: &str, to: &str) -> bool {
        self.find(from, to).is_some()
    }

    fn translate(
        &self,
        sentence: &Sentence<'_>,
        call: &Call<'_>,
        on_text: &mut dyn FnMut(&str),
    ) -> Result<String, Failure> {
        let Some(translator) = self.find(sentence.from, sentence.to) else {
            let (from, to) = (primary(sentence.from), primary(sentence.to));
            let code = dragoman_protocol::code::UNSUPPORTED_PAIR;
            return Err(Failure::failed(code, format!("nothing translates {from} into {to}")));
        };
        let mut on_text = |so_far: &str| {
            on_text(so_far);
            match (call.stopped)() {
                Some(_) => ControlFlow::Break(()),
                None => ControlFlow::Continue(()),
            }
        };
        let translated = match translator {
            Translator::Opus(marian) => marian.translate(sentence.text, &mut on_text),
            Translator::Madlad(madlad) => madlad.translate(sentence.text, primary(sentence.to), &mut on_text),
        };
        let text = translated.map_err(|error| failure(&error))?;
        stopped(call)?;
        Ok(text)
    }
}

impl Translators {
    fn find(&self, from: &str, to: &str) -> Option<&Translator> {
        let is_it = |pair: &Pair| same(&pair.from, from) && same(&pair.to, to);
        self.pairs
            .iter()
            .find(|(pair, _)| is_it(pair))
            .map(|(_, translator)| translator)
    }
}
