use candle_core::Device;
use proptest::prelude::*;

use super::*;

/// The error function by its integral, in F64.
fn exact_erf(x: f64) -> f64 {
    let steps = 2_000;
    let width = x / f64::from(steps);
    let at = |n: f64| (-(n * width).powi(2)).exp();
    let inner: f64 = (1..steps)
        .map(|n| at(f64::from(n)) * if n % 2 == 1 { 4.0 } else { 2.0 })
        .sum();
    (at(0.0) + inner + at(f64::from(steps))) * width / 3.0 * 2.0 / std::f64::consts::PI.sqrt()
}

#[test]
fn gelu_is_the_exact_one() {
    let values: Vec<f32> = (-2_000..=2_000).map(|n| n as f32 / 250.0).collect();
    let got: Vec<f32> = gelu(Tensor::new(values.as_slice(), &Device::Cpu).unwrap())
        .unwrap()
        .to_vec1()
        .unwrap();
    for (x, got) in values.iter().zip(got) {
        let x = f64::from(*x);
        let exact = 0.5 * x * (1.0 + exact_erf(x / std::f64::consts::SQRT_2));
        assert!((f64::from(got) - exact).abs() < 2e-6, "{x}: {got}, exact {exact}");
    }
}

proptest! {
    #[test]
    fn softmax_is_a_distribution_of_the_right_proportions(
        values in proptest::collection::vec(-90.0_f32..90.0, 1..70),
        hidden in 0_usize..3,
    ) {
        let mut values = values;
        let hide = hidden.min(values.len() - 1);
        values[..hide].fill(f32::NEG_INFINITY);
        let x = Tensor::new(values.as_slice(), &Device::Cpu).unwrap().unsqueeze(0).unwrap();
        let got: Vec<f32> = softmax(x).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        let most = values.iter().copied().fold(f32::MIN, f32::max);
        let exact: Vec<f64> = values.iter().map(|x| f64::from(x - most).exp()).collect();
        let sum: f64 = exact.iter().sum();
        for (got, exact) in got.iter().zip(exact) {
            prop_assert!((f64::from(*got) - exact / sum).abs() < 1e-6, "{} and {}", got, exact / sum);
        }
    }
}
