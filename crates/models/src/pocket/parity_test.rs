//! Every part against what the original package computed, for both fixture models. `fixtures/pocket/make.py` made them.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::PathBuf;

use candle_core::{D, IndexOp, Tensor};

use super::conv::test::largest_difference;
use super::{Files, Noise, PocketTts};
use crate::Device;
use crate::linear::Precision;

const MODELS: [&str; 2] = ["a", "b"];
const LATENT: f32 = 5e-5;
const PCM: f32 = 1e-5;
const TEXT: &str = "Wait... what? Yes.";
const LONG: &str = "Good evening, and welcome to the news. The minister said that the talks will go on until Friday. \
    The price rose by 3.5 percent; in May it was 2.75. Nobody answered!";

fn directory(model: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/pocket")
        .join(model)
}

fn load(model: &str) -> PocketTts {
    let files = Files {
        weights: directory(model).join("model.safetensors"),
        tokenizer: directory("tokenizer.json"),
        voices: directory(model).join("voices"),
    };
    PocketTts::load(model, &files, &Device::cpu(), Precision::Full).unwrap()
}

struct Reference(HashMap<String, Tensor>);

impl Reference {
    fn of(model: &str) -> Self {
        let path = directory(model).join("reference.safetensors");
        Self(candle_core::safetensors::load(path, &candle_core::Device::Cpu).unwrap())
    }

    fn get(&self, name: &str) -> &Tensor {
        &self.0[name]
    }

    fn noise(&self, name: &str) -> Noise {
        Noise::recorded(self.get(name).to_vec2().unwrap())
    }

    #[track_caller]
    fn near(&self, name: &str, ours: &Tensor, tolerance: f32) {
        let theirs = self.get(name);
        assert_eq!(ours.dims(), theirs.dims(), "{name}");
        let difference = largest_difference(ours, theirs);
        println!("{name}: {difference:e}");
        assert!(difference < tolerance, "{name}: {difference:e}");
    }
}

#[test]
fn a_text_becomes_the_same_tokens_and_rows() {
    for model in MODELS {
        let (tts, reference) = (load(model), Reference::of(model));
        let chunks = super::chunk::split(TEXT, &tts.model.tokenizer, tts.config()).unwrap();
        assert_eq!(chunks.len(), 1);
        let ids: Vec<u32> = reference
            .get("ids")
            .to_dtype(candle_core::DType::U32)
            .unwrap()
            .to_vec1()
            .unwrap();
        assert_eq!(chunks[0].ids, ids);
        reference.near("text", &tts.model.lm.text(&ids).unwrap(), 1e-6);
    }
}

#[test]
fn the_backbone_reads_text_as_the_original_does() {
    for model in MODELS {
        let (tts, reference) = (load(model), Reference::of(model));
        let mut cache = tts.model.lm.listen(&tts.voice("new").unwrap(), 100).unwrap();
        let y = tts
            .model
            .lm
            .transformer()
            .forward(reference.get("text"), &mut cache)
            .unwrap();
        reference.near("text_transformer", &y, LATENT);
    }
}

#[test]
fn each_step_has_the_same_condition_and_end_when_fed_the_same_latents() {
    for model in MODELS {
        let (tts, reference) = (load(model), Reference::of(model));
        let lm = &tts.model.lm;
        let mut cache = lm.listen(&tts.voice("new").unwrap(), 100).unwrap();
        lm.transformer().forward(reference.get("text"), &mut cache).unwrap();
        let conditions: Vec<Tensor> = (0..reference.get("input").dim(0).unwrap())
            .map(|step| {
                lm.condition(&reference.get("input").i(step..=step).unwrap(), &mut cache)
                    .unwrap()
            })
            .collect();
        reference.near("condition", &Tensor::cat(&conditions, 0).unwrap(), LATENT);
    }
}

#[test]
fn the_head_makes_the_same_latents_of_the_same_noise() {
    for model in MODELS {
        let (tts, reference) = (load(model), Reference::of(model));
        let noise: Vec<Vec<f32>> = reference.get("noise").to_vec2().unwrap();
        let latents: Vec<Tensor> = noise
            .into_iter()
            .enumerate()
            .map(|(step, noise)| {
                let condition = reference.get("condition").i(step..=step).unwrap();
                tts.model.lm.head().sample(&condition, noise).unwrap()
            })
            .collect();
        reference.near("latents", &Tensor::cat(&latents, 0).unwrap(), LATENT);
    }
}

#[test]
fn steps_feed_themselves_like_the_original() {
    for model in MODELS {
        let (tts, reference) = (load(model), Reference::of(model));
        let lm = &tts.model.lm;
        let ids: Vec<u32> = reference
            .get("ids")
            .to_dtype(candle_core::DType::U32)
            .unwrap()
            .to_vec1()
            .unwrap();
        let mut cache = lm.listen(&tts.voice("new").unwrap(), 100).unwrap();
        let mut noise = reference.noise("noise");
        let mut steps = vec![lm.begin(&ids, &mut cache, &mut noise, 1.0).unwrap()];
        while steps.len() < reference.get("eos").dim(0).unwrap() {
            let latent = steps[steps.len() - 1].latent.clone();
            steps.push(lm.next(&latent, &mut cache, &mut noise, 1.0).unwrap());
        }
        let latents: Vec<&Tensor> = steps.iter().map(|step| &step.latent).collect();
        reference.near("latents", &Tensor::cat(&latents, 0).unwrap(), LATENT);
        let eos: Vec<f32> = steps.iter().map(|step| step.eos).collect();
        reference.near("eos", &Tensor::new(eos, &candle_core::Device::Cpu).unwrap(), LATENT);
    }
}

#[test]
fn each_part_of_the_decoder_agrees() {
    for model in MODELS {
        let (tts, reference) = (load(model), Reference::of(model));
        let latents = tts.model.lm.denormalise(reference.get("latents")).unwrap();
        let frames = reference.get("pcm").dim(0).unwrap() / tts.frame();
        let parts = tts.model.decoder.parts(&latents.i(..frames).unwrap()).unwrap();
        let quantizer = reference.get("quantizer").i(..frames).unwrap();
        assert!(largest_difference(&parts.quantizer, &quantizer) < LATENT);
        reference.near("upsample", &parts.upsample, LATENT);
        reference.near("decoder_transformer", &parts.transformer, LATENT);
        reference.near("conv0", &parts.first, LATENT);
        reference.near("up0", &parts.up, LATENT);
        reference.near("block0", &parts.block, LATENT);
    }
}

#[test]
fn many_frames_at_once_sound_like_one_at_a_time() {
    for model in MODELS {
        let (tts, reference) = (load(model), Reference::of(model));
        let decoder = &tts.model.decoder;
        let latents = tts.model.lm.denormalise(reference.get("latents")).unwrap();
        let count = latents.dim(0).unwrap();
        let whole = decoder.decode(&latents, &mut decoder.state().unwrap()).unwrap();
        for group in [1, 2, 5] {
            let mut state = decoder.state().unwrap();
            let parts: Vec<Tensor> = (0..count)
                .step_by(group)
                .map(|at| {
                    decoder
                        .decode(&latents.i(at..count.min(at + group)).unwrap(), &mut state)
                        .unwrap()
                })
                .collect();
            let difference = largest_difference(&Tensor::cat(&parts, 0).unwrap(), &whole);
            assert!(difference < 1e-6, "{group} frames: {difference:e}");
        }
    }
}

#[test]
fn speech_is_the_originals_from_text_to_sound() {
    for model in MODELS {
        let (tts, reference) = (load(model), Reference::of(model));
        let mut pcm = Vec::new();
        let mut hear = |piece: &[f32]| {
            pcm.extend_from_slice(piece);
            ControlFlow::Continue(())
        };
        let voice = tts.voice("new").unwrap();
        let spoken = tts.speak(TEXT, &voice, reference.noise("noise"), &mut hear).unwrap();
        assert_eq!((spoken.chunks, spoken.capped), (1, 0));
        let pcm = Tensor::new(pcm, &candle_core::Device::Cpu).unwrap();
        let first = reference.get("pcm").dim(0).unwrap();
        reference.near("pcm", &pcm.i(..first).unwrap(), PCM);
        reference.near("pcm_16th", &every(&pcm, 16), PCM);
    }
}

#[test]
fn a_long_text_is_the_originals_over_all_its_chunks() {
    for model in MODELS {
        let (tts, reference) = (load(model), Reference::of(model));
        let mut pcm = Vec::new();
        let mut hear = |piece: &[f32]| {
            pcm.extend_from_slice(piece);
            ControlFlow::Continue(())
        };
        let voice = tts.voice("new").unwrap();
        let spoken = tts
            .speak(LONG, &voice, reference.noise("long_noise"), &mut hear)
            .unwrap();
        assert_eq!(spoken.chunks, reference.get("long_tokens").dim(0).unwrap());
        let pcm = Tensor::new(pcm, &candle_core::Device::Cpu).unwrap();
        reference.near("long_pcm_64th", &every(&pcm, 64), PCM);
    }
}

/// One sample of each `step`.
fn every(pcm: &Tensor, step: usize) -> Tensor {
    pcm.reshape(((), step)).unwrap().i((.., 0)).unwrap()
}

#[test]
fn a_quantised_model_stays_close() {
    for model in MODELS {
        let reference = Reference::of(model);
        let files = Files {
            weights: directory(model).join("model.safetensors"),
            tokenizer: directory("tokenizer.json"),
            voices: directory(model).join("voices"),
        };
        let tts = PocketTts::load(model, &files, &Device::cpu(), Precision::Q8).unwrap();
        let lm = &tts.model.lm;
        let mut cache = lm.listen(&tts.voice("new").unwrap(), 100).unwrap();
        lm.transformer().forward(reference.get("text"), &mut cache).unwrap();
        let conditions: Vec<Tensor> = (0..reference.get("input").dim(0).unwrap())
            .map(|step| {
                lm.condition(&reference.get("input").i(step..=step).unwrap(), &mut cache)
                    .unwrap()
            })
            .collect();
        let ours = Tensor::cat(&conditions, 0).unwrap();
        let theirs = reference.get("condition");
        let dot = |a: &Tensor, b: &Tensor| (a * b).unwrap().sum(D::Minus1).unwrap();
        let cosine = (dot(&ours, theirs) / (dot(&ours, &ours) * dot(theirs, theirs)).unwrap().sqrt().unwrap()).unwrap();
        let worst: f32 = cosine.min_all().unwrap().to_scalar().unwrap();
        println!("{model}: cosine {worst}");
        assert!(worst > 0.999, "{model}: {worst}");
    }
}

#[test]
fn random_models_have_the_tensors_that_real_ones_have() {
    for model in MODELS {
        let config = super::Config::read(&directory(model).join("config.json")).unwrap();
        let path = directory(model).join("model.safetensors");
        let file = candle_core::safetensors::load(path, &candle_core::Device::Cpu).unwrap();
        let mut theirs: Vec<(String, Vec<usize>)> =
            file.into_iter().map(|(name, x)| (name, x.dims().to_vec())).collect();
        // In the voice file already.
        theirs.retain(|(name, _)| name != "flow_lm.bos_before_voice");
        theirs.sort();
        let mut ours = super::random::names(&config);
        ours.sort();
        assert_eq!(ours, theirs);
    }
}
