use std::collections::HashMap;

use candle_core::{Device, Tensor};

use super::{Conv, Tail, Upsample};
use crate::weights::Weights;

pub(in crate::pocket) fn largest_difference(a: &Tensor, b: &Tensor) -> f32 {
    assert_eq!(a.dims(), b.dims());
    (a - b).unwrap().abs().unwrap().max_all().unwrap().to_scalar().unwrap()
}

fn random(dims: &[usize]) -> Tensor {
    Tensor::randn(0f32, 1.0, dims, &Device::Cpu).unwrap()
}

fn weights(tensors: &[(&str, &Tensor)]) -> Weights {
    let tensors: HashMap<_, _> = tensors
        .iter()
        .map(|(name, tensor)| ((*name).to_owned(), (*tensor).clone()))
        .collect();
    Weights::from_tensors("test", tensors, &crate::Device::cpu())
}

/// In pieces of these lengths.
fn streamed(x: &Tensor, lengths: &[usize], mut forward: impl FnMut(&Tensor) -> Tensor) -> Tensor {
    let mut at = 0;
    let pieces: Vec<Tensor> = lengths
        .iter()
        .map(|&length| {
            let piece = forward(&x.narrow(0, at, length).unwrap());
            at += length;
            piece
        })
        .collect();
    assert_eq!(at, x.dim(0).unwrap());
    Tensor::cat(&pieces, 0).unwrap()
}

/// (positions, channels) from (1, channels, positions) and back.
fn turned(x: &Tensor) -> Tensor {
    x.t().unwrap().unsqueeze(0).unwrap().contiguous().unwrap()
}

fn back(x: &Tensor) -> Tensor {
    x.squeeze(0).unwrap().t().unwrap().contiguous().unwrap()
}

#[test]
fn a_convolution_is_candles_whatever_the_pieces() {
    for (inputs, outputs, taps, dilation) in [(5, 7, 7, 1), (3, 4, 3, 2), (4, 1, 3, 1), (6, 2, 1, 1)] {
        let (weight, bias, x) = (
            random(&[outputs, inputs, taps]),
            random(&[outputs]),
            random(&[12, inputs]),
        );
        let conv = Conv::load(
            &weights(&[("conv.weight", &weight), ("conv.bias", &bias)]),
            inputs,
            outputs,
            taps,
            dilation,
        );
        let conv = conv.unwrap();
        let padded = turned(&x).pad_with_zeros(2, (taps - 1) * dilation, 0).unwrap();
        let expected = back(&padded.conv1d(&weight, 0, 1, dilation, 1).unwrap())
            .broadcast_add(&bias)
            .unwrap();
        for lengths in [vec![12], vec![1; 12], vec![5, 1, 6]] {
            let mut tail = conv.tail().unwrap();
            let ours = streamed(&x, &lengths, |piece| conv.forward(piece, &mut tail).unwrap());
            assert!(
                largest_difference(&ours, &expected) < 1e-5,
                "{taps} taps in {lengths:?}"
            );
        }
    }
}

#[test]
fn a_transposed_convolution_is_candles_whatever_the_pieces() {
    for (inputs, outputs, stride) in [(6, 3, 4), (2, 5, 1), (4, 2, 5)] {
        let (weight, bias) = (random(&[inputs, outputs, 2 * stride]), random(&[outputs]));
        let x = random(&[9, inputs]);
        let conv = Conv::load_transposed(
            &weights(&[("convtr.weight", &weight), ("convtr.bias", &bias)]),
            inputs,
            outputs,
            stride,
        );
        let conv = conv.unwrap();
        let whole = turned(&x).conv_transpose1d(&weight, 0, 0, stride, 1, 1).unwrap();
        let expected = back(&whole)
            .narrow(0, 0, 9 * stride)
            .unwrap()
            .broadcast_add(&bias)
            .unwrap();
        for lengths in [vec![9], vec![1; 9], vec![2, 4, 3]] {
            let mut tail = conv.tail().unwrap();
            let ours = streamed(&x, &lengths, |piece| conv.forward(piece, &mut tail).unwrap());
            assert!(
                largest_difference(&ours, &expected) < 1e-5,
                "stride {stride} in {lengths:?}"
            );
        }
    }
}

#[test]
fn upsampling_is_candles_depthwise_convolution_whatever_the_pieces() {
    let (channels, stride) = (3, 4);
    let (weight, x) = (random(&[channels, 1, 2 * stride]), random(&[7, channels]));
    let upsample = Upsample::load(&weights(&[("convtr.weight", &weight)]), channels, stride).unwrap();
    let whole = turned(&x).conv_transpose1d(&weight, 0, 0, stride, 1, channels).unwrap();
    let expected = back(&whole).narrow(0, 0, 7 * stride).unwrap();
    for lengths in [vec![7], vec![1; 7], vec![3, 1, 3]] {
        let mut tail = upsample.tail().unwrap();
        let ours = streamed(&x, &lengths, |piece| upsample.forward(piece, &mut tail).unwrap());
        assert!(largest_difference(&ours, &expected) < 1e-6, "{lengths:?}");
    }
}

#[test]
fn a_tail_belongs_to_one_utterance() {
    let (weight, bias, x) = (random(&[2, 2, 3]), random(&[2]), random(&[4, 2]));
    let conv = Conv::load(&weights(&[("conv.weight", &weight), ("conv.bias", &bias)]), 2, 2, 3, 1).unwrap();
    let speak = |tail: &mut Tail| conv.forward(&x, tail).unwrap().to_vec2::<f32>().unwrap();
    let mut tail = conv.tail().unwrap();
    let first = speak(&mut tail);
    assert_ne!(speak(&mut tail), first);
    assert_eq!(speak(&mut conv.tail().unwrap()), first);
}
