use super::Noise;

#[test]
fn seeded_noise_is_normal_with_the_deviation_that_was_asked_for() {
    let mut noise = Noise::seeded(7);
    let values: Vec<f64> = noise.next(200_000, 0.5).unwrap().into_iter().map(f64::from).collect();
    let count = values.len() as f64;
    let moment = |power: i32| values.iter().map(|value| value.powi(power)).sum::<f64>() / count;
    assert!(moment(1).abs() < 0.005, "mean {}", moment(1));
    assert!((moment(2) - 0.25).abs() < 0.005, "variance {}", moment(2));
    // A normal distribution's fourth moment is three times its variance squared.
    assert!((moment(4) / moment(2).powi(2) - 3.0).abs() < 0.06);
}

#[test]
fn a_seed_gives_the_same_noise_and_another_seed_another() {
    let draw = |seed| {
        let mut noise = Noise::seeded(seed);
        [noise.next(33, 1.0).unwrap(), noise.next(33, 1.0).unwrap()].concat()
    };
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
    assert_ne!(draw(1)[..33], draw(1)[33..]);
}

#[test]
fn recorded_noise_comes_back_as_it_was_and_its_end_is_an_error() {
    let mut noise = Noise::recorded(vec![vec![1.0, 2.0], vec![3.0]]);
    assert_eq!(noise.next(2, 9.0).unwrap(), [1.0, 2.0]);
    assert!(
        noise
            .next(2, 9.0)
            .unwrap_err()
            .to_string()
            .contains("1 values, expected 2")
    );
    assert!(noise.next(2, 9.0).unwrap_err().to_string().contains("ended"));
}
