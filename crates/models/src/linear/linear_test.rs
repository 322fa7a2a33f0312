//! Layers of both precisions against candle's own product.

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{DType, Device, Tensor};

use super::*;

fn wave(shape: (usize, usize), step: f32) -> Tensor {
    let values: Vec<f32> = (0..shape.0 * shape.1).map(|at| (at as f32 * step).sin()).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

fn far(left: &Tensor, right: &Tensor) -> f32 {
    (left - right)
        .unwrap()
        .abs()
        .unwrap()
        .max_all()
        .unwrap()
        .to_scalar()
        .unwrap()
}

#[test]
fn both_precisions_agree_with_candle() {
    for (inputs, outputs) in [(64, 48), (100, 17), (7, 3)] {
        let weight = wave((outputs, inputs), 0.7);
        let bias = wave((1, outputs), 0.3).squeeze(0).unwrap();
        for rows in [1, 2, 3, 20] {
            let x = wave((rows, inputs), 0.13);
            let expected = x.matmul(&weight.t().unwrap()).unwrap().broadcast_add(&bias).unwrap();
            let full = Linear::new(&weight, Some(bias.clone()), Precision::Full).unwrap();
            assert!(far(&full.forward(&x).unwrap(), &expected) < 1e-4);
            let q8 = Linear::new(&weight, Some(bias.clone()), Precision::Q8).unwrap();
            assert!(far(&q8.forward(&x).unwrap(), &expected) < 0.01 * inputs as f32);
        }
    }
}

#[test]
fn any_shape_and_layout() {
    for precision in [Precision::Full, Precision::Q8] {
        let layer = Linear::new(&wave((5, 32), 0.7), None, precision).unwrap();
        let x = wave((32, 6), 0.13);
        let turned = layer.forward(&x.t().unwrap()).unwrap();
        let straight = layer.forward(&x.t().unwrap().contiguous().unwrap()).unwrap();
        assert_eq!(turned.to_vec2::<f32>().unwrap(), straight.to_vec2::<f32>().unwrap());
        let batched = layer.forward(&x.t().unwrap().reshape((2, 3, 32)).unwrap()).unwrap();
        assert_eq!(batched.dims(), [2, 3, 5]);
        assert_eq!(
            batched.reshape((6, 5)).unwrap().to_vec2::<f32>().unwrap(),
            straight.to_vec2::<f32>().unwrap()
        );
        // Part of a larger tensor: the storage starts elsewhere.
        let part = x.t().unwrap().contiguous().unwrap().narrow(0, 2, 3).unwrap();
        assert_eq!(
            layer.forward(&part).unwrap().to_vec2::<f32>().unwrap(),
            straight.narrow(0, 2, 3).unwrap().to_vec2::<f32>().unwrap()
        );
    }
}

#[test]
fn weights_of_eight_bits_keep_their_values() {
    let weight = QTensor::quantize(&wave((20, 64), 0.7), GgmlDType::Q8_0).unwrap();
    let values = weight.dequantize(&Device::Cpu).unwrap();
    // One input at a time reads the weights back; 127 is a value without a rounding error.
    let x = (Tensor::eye(64, DType::F32, &Device::Cpu).unwrap() * 127.0).unwrap();
    let read = Linear::quantised(weight, None).unwrap().forward(&x).unwrap();
    assert!(far(&(read / 127.0).unwrap(), &values.t().unwrap()) < 1e-6);
}

#[test]
fn what_does_not_fit_is_an_error() {
    for precision in [Precision::Full, Precision::Q8] {
        let layer = Linear::new(&wave((5, 32), 0.7), None, precision).unwrap();
        assert!(layer.forward(&wave((2, 31), 0.1)).is_err());
        assert!(
            layer
                .forward(&wave((2, 32), 0.1).to_dtype(DType::F64).unwrap())
                .is_err()
        );
    }
    let bias = wave((1, 4), 0.3).squeeze(0).unwrap();
    assert!(Linear::new(&wave((5, 32), 0.7), Some(bias), Precision::Q8).is_err());
    let broken = Tensor::new(&[[1f32, f32::NAN]], &Device::Cpu).unwrap();
    assert!(Linear::new(&broken, None, Precision::Q8).is_err());
}
