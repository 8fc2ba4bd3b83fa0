//! How far logits lie from others.

/// The largest difference, as a part of the largest number that is wanted.
pub(crate) fn error(found: &[Vec<f32>], wanted: &[Vec<f32>]) -> f64 {
    let (found, wanted) = (found.concat(), wanted.concat());
    assert_eq!(found.len(), wanted.len());
    assert!(found.iter().all(|x| x.is_finite()));
    let most = |numbers: &mut dyn Iterator<Item = f32>| numbers.fold(0.0, f32::max);
    let difference = most(&mut found.iter().zip(&wanted).map(|(a, b)| (a - b).abs()));
    f64::from(difference / most(&mut wanted.iter().map(|x| x.abs())))
}
