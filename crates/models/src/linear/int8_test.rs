//! The 8-bit product stays within its bound, is the same at every level and for every number of rows.

use proptest::prelude::*;

use super::super::kernel::Level;
use super::*;

/// Values of very different size, zeros among them.
fn value() -> impl Strategy<Value = f32> {
    prop_oneof![
        8 => -1.0f32..1.0,
        2 => -300f32..300.0,
        1 => Just(0.0),
        1 => -1e-39f32..1e-39,
        1 => -1e15f32..1e15,
    ]
}

#[derive(Debug)]
struct Case {
    inputs: usize,
    outputs: usize,
    weights: Vec<f32>,
    bias: Option<Vec<f32>>,
    rows: Vec<f32>,
}

impl Case {
    fn matrix(&self) -> Matrix {
        Matrix::quantise(&self.weights, self.inputs, self.bias.clone()).unwrap()
    }

    /// The exact product of one row and one output, and how far from it the quantised one may be.
    fn exact(&self, row: usize, output: usize) -> (f64, f64) {
        let row = &self.rows[row * self.inputs..][..self.inputs];
        let weights = &self.weights[output * self.inputs..][..self.inputs];
        let mut sum = 0.0;
        let mut bound = 1e-30;
        for (x, w) in row.chunks(BLOCK).zip(weights.chunks(BLOCK)) {
            // Half a step of each, but for values that are taken as zero.
            let step = |values: &[f32]| {
                f64::from(values.iter().fold(0f32, |max, value| max.max(value.abs()))).max(1e-36) / 127.0
            };
            let (half_x, half_w) = (step(x) * 0.50001, step(w) * 0.50001);
            for (x, w) in x.iter().zip(w) {
                let (x, w) = (f64::from(*x), f64::from(*w));
                sum += x * w;
                // Values that are taken as zero are off by the whole of themselves.
                let (off_x, off_w) = (half_x.max(x.abs().min(1e-36)), half_w.max(w.abs().min(1e-36)));
                bound += x.abs() * off_w + w.abs() * off_x + off_x * off_w + (x * w).abs() * 1e-5;
            }
        }
        let bias = f64::from(self.bias.as_ref().map_or(0.0, |bias| bias[output]));
        (sum + bias, bound + bias.abs() * 1e-6)
    }
}

fn case() -> impl Strategy<Value = Case> {
    (1usize..140, 1usize..40, 1usize..10, any::<bool>()).prop_flat_map(|(inputs, outputs, rows, bias)| {
        let values = |count| prop::collection::vec(value(), count);
        let bias = if bias {
            values(outputs).prop_map(Some).boxed()
        } else {
            Just(None).boxed()
        };
        (values(inputs * outputs), bias, values(inputs * rows)).prop_map(move |(weights, bias, rows)| Case {
            inputs,
            outputs,
            weights,
            bias,
            rows,
        })
    })
}

fn same(left: &[f32], right: &[f32]) -> bool {
    left.len() == right.len()
        && left
            .iter()
            .zip(right)
            .all(|(left, right)| left.to_bits() == right.to_bits() || left.is_nan() && right.is_nan())
}

proptest! {
    #[test]
    fn the_product_is_within_its_bound(case in case()) {
        let products = case.matrix().product(&case.rows);
        for (at, product) in products.iter().enumerate() {
            let (exact, bound) = case.exact(at / case.outputs, at % case.outputs);
            prop_assert!((f64::from(*product) - exact).abs() <= bound, "{product} for {exact}, bound {bound}");
        }
    }

    #[test]
    fn every_level_gives_the_same_bits(mut case in case(), broken in any::<Option<usize>>()) {
        if let Some(at) = broken {
            let at = at % case.rows.len();
            case.rows[at] = f32::NAN;
        }
        let matrix = case.matrix();
        let baseline = matrix.product_on(Level::Baseline, &case.rows);
        for level in Level::all() {
            prop_assert!(same(&matrix.product_on(level, &case.rows), &baseline), "{level:?}");
        }
    }

    #[test]
    fn a_row_does_not_depend_on_its_neighbours(case in case()) {
        let matrix = case.matrix();
        let together = matrix.product(&case.rows);
        let alone: Vec<f32> = case.rows.chunks(case.inputs).flat_map(|row| matrix.product(row)).collect();
        prop_assert!(same(&together, &alone));
    }

    #[test]
    fn what_is_not_finite_spoils_its_row_alone(
        mut case in case(),
        at: usize,
        bad in prop_oneof![Just(f32::NAN), Just(f32::INFINITY), Just(f32::NEG_INFINITY)],
    ) {
        let at = at % case.rows.len();
        case.rows[at] = bad;
        for (row, products) in case.matrix().product(&case.rows).chunks(case.outputs).enumerate() {
            let spoilt = row == at / case.inputs;
            prop_assert!(products.iter().all(|product| product.is_nan() == spoilt));
        }
    }
}

#[test]
fn more_rows_than_are_quantised_at_a_time() {
    let (inputs, outputs, rows) = (70, 33, 150);
    let wave = |count: usize, step: f32| (0..count).map(|at| (at as f32 * step).sin()).collect::<Vec<_>>();
    let matrix = Matrix::quantise(&wave(inputs * outputs, 0.37), inputs, Some(wave(outputs, 1.0))).unwrap();
    let all = wave(inputs * rows, 0.11);
    for level in Level::all() {
        let together = matrix.product_on(level, &all);
        let alone: Vec<f32> = all
            .chunks(inputs)
            .flat_map(|row| matrix.product_on(level, row))
            .collect();
        assert!(same(&together, &alone), "{level:?}");
    }
}

#[test]
fn weights_that_are_not_finite_are_refused() {
    for bad in [f32::NAN, f32::INFINITY] {
        assert!(Matrix::quantise(&[1.0, bad, 2.0, 3.0], 2, None).is_none());
    }
}

#[test]
fn nothing_to_multiply() {
    let matrix = Matrix::quantise(&[1.0; 64], 32, None).unwrap();
    assert!(matrix.product(&[]).is_empty());
}

/// What the largest weights and values can sum up to.
#[test]
fn full_scale_does_not_overflow() {
    for (weight, value) in [(127.0, 127.0), (-127.0, 127.0), (127.0, -127.0), (-127.0, -127.0)] {
        let matrix = Matrix::quantise(&[weight; 64 * 16], 64, None).unwrap();
        for level in Level::all() {
            assert_eq!(
                matrix.product_on(level, &[value; 64]),
                [weight * value * 64.0; 16],
                "{level:?}"
            );
        }
    }
}
