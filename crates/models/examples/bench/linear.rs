//! One linear layer of 1024 outputs and 4096 inputs: how fast weights are read for one row, and products for many.

use candle_core::quantized::{GgmlDType, QMatMul, QTensor};
use candle_core::{Device, Module, Tensor};
use dragoman_models::linear::{Linear, Precision};

use crate::measure::Figures;

const OUTPUTS: usize = 1024;
const INPUTS: usize = 4096;
/// Different layers in turn, as in a model: together more than a cache holds.
const LAYERS: usize = 32;

pub(crate) fn run(figures: &mut Figures, rounds: usize) -> anyhow::Result<()> {
    let weights: Vec<Tensor> = (0..LAYERS)
        .map(|_| Tensor::randn(0f32, 0.02, (OUTPUTS, INPUTS), &Device::Cpu))
        .collect::<Result<_, _>>()?;
    let layers = |precision| {
        weights
            .iter()
            .map(|weight| Linear::new(weight, None, precision))
            .collect::<Result<Vec<_>, _>>()
    };
    let (q8, full) = (layers(Precision::Q8)?, layers(Precision::Full)?);
    let candle_q8: Vec<QMatMul> = weights
        .iter()
        .map(|weight| QMatMul::from_qtensor(QTensor::quantize(weight, GgmlDType::Q8_0)?))
        .collect::<Result<_, _>>()?;
    let candle_full: Vec<QMatMul> = weights.iter().cloned().map(QMatMul::Tensor).collect();
    for rows in [1, 16, 350] {
        let x = Tensor::randn(0f32, 1.0, (rows, INPUTS), &Device::Cpu)?;
        let what = format!("linear 1024x4096, {rows} rows");
        for round in 0..rounds * 5 {
            let at = round % LAYERS;
            // The same layer, so that one's reading does not warm up another's: each has its own copy.
            figures.time(&what, "q8", || Ok(q8[at].forward(&x)?))?;
            figures.time(&what, "f32", || Ok(full[at].forward(&x)?))?;
            figures.time(&what, "candle q8", || Ok(candle_q8[at].forward(&x)?))?;
            figures.time(&what, "candle f32", || Ok(candle_full[at].forward(&x)?))?;
        }
    }
    Ok(())
}
