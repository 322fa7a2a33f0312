//! OPUS-MT in its base size.

use dragoman_models::linear::Precision;
use dragoman_models::{Device, marian};

use crate::UTTERANCES;
use crate::measure::Figures;

pub(crate) fn run(figures: &mut Figures, rounds: usize) -> anyhow::Result<()> {
    let device = Device::cpu();
    let q8 = figures.load("opus-mt", "q8", || Ok(marian::random(&device, Precision::Q8)?))?;
    let full = figures.load("opus-mt", "f32", || Ok(marian::random(&device, Precision::Full)?))?;
    for _ in 0..rounds {
        // An end comes after the source's tokens, and what is said is a little longer.
        let utterances = UTTERANCES.map(|(seconds, tokens)| (format!("opus-mt, {seconds} s"), tokens + 1, tokens + 2));
        for (what, source, said) in utterances
            .into_iter()
            .chain([("opus-mt, 14 to 16 tokens".into(), 14, 16)])
        {
            for (who, model) in [("q8", &q8), ("f32", &full)] {
                figures.time(&what, who, || Ok(model.rehearse(source, said)?))?;
            }
        }
    }
    Ok(())
}
