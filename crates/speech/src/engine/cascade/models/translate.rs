//! OPUS-MT and MADLAD-400 as a stage: a model for each pair.

use std::ops::ControlFlow;
use std::path::Path;

use dragoman_models::marian::Marian;
use dragoman_models::store::Store;

use super::super::load::Choice;
use super::super::pairs::Pair;
use super::super::stage::{Call, Failure, Sentence, Stage, Translate, primary, same};
use super::{Models, described, failure, shown, stopped};
use crate::engine::Model;

pub(super) struct Translators {
    pairs: Vec<(Pair, Marian)>,
    models: Vec<Model>,
}

impl Translators {
    /// A translator for each pair that the recogniser does not translate itself. All that is missing is said at once.
    pub(super) fn load(models: &Models, choice: Option<&Choice>) -> Result<Self, String> {
        let mut loaded = Self {
            pairs: Vec::new(),
            models: Vec::new(),
        };
        let mut problems = Vec::new();
        for pair in &models.pairs.0 {
            if pair.to == "en" && models.into_english {
                continue;
            }
            match one(models, choice, pair) {
                Ok((marian, mut model)) => {
                    model.languages = vec![pair.to_string()];
                    loaded.pairs.push((pair.clone(), marian));
                    loaded.models.push(model);
                }
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() {
            Ok(loaded)
        } else {
            Err(problems.join("; "))
        }
    }
}

fn one(models: &Models, choice: Option<&Choice>, pair: &Pair) -> Result<(Marian, Model), String> {
    let Pair { from, to } = pair;
    let (files, model) = match choice {
        Some(Choice::Directory(dir)) => {
            let dir = of_pair(dir, pair);
            let files = Store::marian_in(&dir).map_err(|missing| missing.to_string())?;
            (files, shown(&dir, "mt"))
        }
        Some(Choice::Model(name)) if name != "opus-mt" => {
            return Err(format!(
                "mt: there is no translator {name:?}; there are: opus-mt, madlad"
            ));
        }
        _ => {
            let files = models.store.marian(from, to).map_err(|missing| missing.to_string())?;
            (files, described(&format!("opus-mt-{from}-{to}"), "mt"))
        }
    };
    let load = || {
        let marian = Marian::load(&files, &models.device, models.precision())?;
        if marian.targets().is_empty() {
            Ok(marian)
        } else {
            marian.with_target(to)
        }
    };
    let marian = load().map_err(|error: dragoman_models::Error| format!("mt: {error}"))?;
    Ok((marian, model))
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
        let Some(marian) = self.find(sentence.from, sentence.to) else {
            let (from, to) = (primary(sentence.from), primary(sentence.to));
            let code = dragoman_protocol::code::UNSUPPORTED_PAIR;
            return Err(Failure::failed(code, format!("nothing translates {from} into {to}")));
        };
        let translated = marian.translate(sentence.text, &mut |so_far| {
            on_text(so_far);
            match (call.stopped)() {
                Some(_) => ControlFlow::Break(()),
                None => ControlFlow::Continue(()),
            }
        });
        let text = translated.map_err(|error| failure(&error))?;
        stopped(call)?;
        Ok(text)
    }
}

impl Translators {
    fn find(&self, from: &str, to: &str) -> Option<&Marian> {
        let is_it = |pair: &Pair| same(&pair.from, from) && same(&pair.to, to);
        self.pairs
            .iter()
            .find(|(pair, _)| is_it(pair))
            .map(|(_, marian)| marian)
    }
}
