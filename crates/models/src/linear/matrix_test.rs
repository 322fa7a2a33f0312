//! Products stay within their bounds, and are the same for every number of rows; those of 8 bits at every level too.

use proptest::prelude::*;

use super::super::full::Full;
use super::super::int8::Int8;
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
    fn matrix<B: Block>(&self) -> Matrix<B> {
        Matrix::pack(&self.weights, self.inputs, self.bias.clone()).unwrap()
    }

    /// The exact product of one row and one output, how far from it the one with 8-bit weights may be, and the sum of magnitudes.
    fn exact(&self, row: usize, output: usize) -> (f64, f64, f64) {
        let row = &self.rows[row * self.inputs..][..self.inputs];
        let weights = &self.weights[output * self.inputs..][..self.inputs];
        let mut sum = 0.0;
        let mut bound = 1e-30;
        let mut magnitude = 1e-30;
        for (x, w) in row.chunks(BLOCK).zip(weights.chunks(BLOCK)) {
            // Half a step of each, but for values that are taken as zero.
            let step = |values: &[f32]| {
                f64::from(values.iter().fold(0f32, |max, value| max.max(value.abs()))).max(1e-36) / 127.0
            };
            let (half_x, half_w) = (step(x) * 0.50001, step(w) * 0.50001);
            for (x, w) in x.iter().zip(w) {
                let (x, w) = (f64::from(*x), f64::from(*w));
                sum += x * w;
                magnitude += (x * w).abs();
                // Values that are taken as zero are off by the whole of themselves.
                let (off_x, off_w) = (half_x.max(x.abs().min(1e-36)), half_w.max(w.abs().min(1e-36)));
                bound += x.abs() * off_w + w.abs() * off_x + off_x * off_w + (x * w).abs() * 1e-5;
            }
        }
        let bias = f64::from(self.bias.as_ref().map_or(0.0, |bias| bias[output]));
        (sum + bias, bound + bias.abs() * 1e-6, magnitude + bias.abs())
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
    fn products_are_within_their_bounds(case in case()) {
        let (quantised, full) = (case.matrix::<Int8>(), case.matrix::<Full>());
        for level in Level::all() {
            let (quantised, full) = (quantised.product_on(level, &case.rows), full.product_on(level, &case.rows));
            for (at, (quantised, full)) in quantised.iter().zip(full).enumerate() {
                let (exact, bound, magnitude) = case.exact(at / case.outputs, at % case.outputs);
                prop_assert!((f64::from(*quantised) - exact).abs() <= bound, "{quantised} for {exact}, bound {bound}");
                prop_assert!((f64::from(full) - exact).abs() <= magnitude * 1e-5, "{full} for {exact}");
            }
        }
    }

    #[test]
    fn every_level_gives_the_same_bits(mut case in case(), broken in any::<Option<usize>>()) {
        if let Some(at) = broken {
            let at = at % case.rows.len();
            case.rows[at] = f32::NAN;
        }
        let matrix = case.matrix::<Int8>();
        let baseline = matrix.product_on(Level::Baseline, &case.rows);
        for level in Level::all() {
            prop_assert!(same(&matrix.product_on(level, &case.rows), &baseline), "{level:?}");
        }
    }

    #[test]
    fn a_row_does_not_depend_on_its_neighbours(case in case()) {
        for level in Level::all() {
            prop_assert!(alike(&case.matrix::<Int8>(), level, &case.rows), "8 bits, {level:?}");
            prop_assert!(alike(&case.matrix::<Full>(), level, &case.rows), "full, {level:?}");
        }
    }

    #[test]
    fn what_is_not_finite_spoils_its_row_alone(
        mut case in case(),
        at: usize,
        bad in prop_oneof![Just(f32::NAN), Just(f32::INFINITY), Just(f32::NEG_INFINITY)],
    ) {
        let at = at % case.rows.len();
        case.rows[at] = bad;
        for (row, products) in case.matrix::<Int8>().product(&case.rows).chunks(case.outputs).enumerate() {
            let spoilt = row == at / case.inputs;
            prop_assert!(products.iter().all(|product| product.is_nan() == spoilt));
        }
        for (row, products) in case.matrix::<Full>().product(&case.rows).chunks(case.outputs).enumerate() {
            prop_assert!(row == at / case.inputs || products.iter().all(|product| product.is_finite()));
        }
    }
}

/// Whether rows together come to the same bits as one by one.
fn alike<B: Block>(matrix: &Matrix<B>, level: Level, rows: &[f32]) -> bool {
    let alone: Vec<f32> = rows
        .chunks(matrix.inputs())
        .flat_map(|row| matrix.product_on(level, row))
        .collect();
    same(&matrix.product_on(level, rows), &alone)
}

#[test]
fn more_rows_than_are_prepared_at_a_time() {
    let (inputs, outputs, rows) = (70, 33, 150);
    let wave = |count: usize, step: f32| (0..count).map(|at| (at as f32 * step).sin()).collect::<Vec<_>>();
    let (weights, bias, rows) = (
        wave(inputs * outputs, 0.37),
        wave(outputs, 1.0),
        wave(inputs * rows, 0.11),
    );
    for level in Level::all() {
        let quantised = Matrix::<Int8>::pack(&weights, inputs, Some(bias.clone())).unwrap();
        assert!(alike(&quantised, level, &rows), "8 bits, {level:?}");
        let full = Matrix::<Full>::pack(&weights, inputs, Some(bias.clone())).unwrap();
        assert!(alike(&full, level, &rows), "full, {level:?}");
    }
}

#[test]
fn weights_that_are_not_finite_have_no_eight_bits() {
    for bad in [f32::NAN, f32::INFINITY] {
        assert!(Matrix::<Int8>::pack(&[1.0, bad, 2.0, 3.0], 2, None).is_none());
    }
}

#[test]
fn nothing_to_multiply() {
    assert!(
        Matrix::<Int8>::pack(&[1.0; 64], 32, None)
            .unwrap()
            .product(&[])
            .is_empty()
    );
    assert!(Matrix::<Full>::pack(&[], 0, None).unwrap().product(&[]).is_empty());
}

/// What the largest weights and values can sum up to.
#[test]
fn full_scale_does_not_overflow() {
    for (weight, value) in [(127.0, 127.0), (-127.0, 127.0), (127.0, -127.0), (-127.0, -127.0)] {
        let matrix = Matrix::<Int8>::pack(&[weight; 64 * 16], 64, None).unwrap();
        for level in Level::all() {
            assert_eq!(
                matrix.product_on(level, &[value; 64]),
                [weight * value * 64.0; 16],
                "{level:?}"
            );
        }
    }
}
