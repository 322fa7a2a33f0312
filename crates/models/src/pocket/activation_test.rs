use candle_core::{Device, Tensor};

use super::{elu, exp, gelu, silu};

/// From far below zero to far above, both signs of zero among them.
fn values() -> Tensor {
    let values: Vec<f32> = (-40_000..=40_000)
        .map(|at| at as f32 * 0.001)
        .chain([0.0, -0.0, 1e-20, -1e-20])
        .collect();
    Tensor::new(values, &Device::Cpu).unwrap()
}

fn largest_difference(a: &Tensor, b: &Tensor) -> f32 {
    (a - b).unwrap().abs().unwrap().max_all().unwrap().to_scalar().unwrap()
}

#[test]
fn they_are_candles() {
    let ours = elu(&values()).unwrap();
    assert!(largest_difference(&ours, &values().elu(1.0).unwrap()) < 2e-7);
    let ours = gelu(&values()).unwrap();
    assert!(largest_difference(&ours, &values().gelu().unwrap()) < 4e-6);
    let ours = silu(&values()).unwrap();
    assert!(largest_difference(&ours, &values().silu().unwrap()) < 4e-6);
}

#[test]
fn the_exponential_is_exact_to_a_few_units_in_the_last_place() {
    for at in -8700..=8800 {
        let x = at as f32 * 0.01;
        let exact = f64::from(x).exp();
        let error = (f64::from(exp(x)) - exact).abs() / exact;
        assert!(error < 4e-7, "exp({x}): {error}");
    }
}

#[test]
fn infinities_end_where_they_should() {
    let x = Tensor::new(&[f32::INFINITY, f32::NEG_INFINITY, 1e30, -1e30], &Device::Cpu).unwrap();
    assert_eq!(
        elu(&x).unwrap().to_vec1::<f32>().unwrap(),
        [f32::INFINITY, -1.0, 1e30, -1.0]
    );
    let ends = gelu(&x).unwrap().to_vec1::<f32>().unwrap();
    assert_eq!(ends[2], 1e30);
    assert!(ends[3].abs() < 1e-6);
}
