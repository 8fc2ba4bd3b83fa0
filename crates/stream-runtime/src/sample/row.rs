//! Passes over a whole row of numbers, written so that the compiler makes vector code of them.
//!
//! They use nothing but IEEE 754 additions, products and comparisons in a fixed order, so that
//! a row gives the same bits on every machine.

const LANES: usize = 16;

/// The largest number; NaN is passed over. −∞ if there is none.
pub(super) fn max(row: &[f32]) -> f32 {
    max_and_nans(row).0
}

/// The largest number as by [`max`], and how many are NaN.
pub(super) fn max_and_nans(row: &[f32]) -> (f32, u32) {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let mut nans = [0; LANES];
    let (chunks, rest) = row.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, &x) in chunk.iter().enumerate() {
            lanes[lane] = if x > lanes[lane] { x } else { lanes[lane] };
            nans[lane] += u32::from(x.is_nan());
        }
    }
    let larger = |best: f32, &x: &f32| if x > best { x } else { best };
    let largest = rest.iter().chain(&lanes).fold(f32::NEG_INFINITY, larger);
    let nans_in_rest = rest.iter().filter(|x| x.is_nan()).count() as u32;
    (largest, nans.iter().sum::<u32>() + nans_in_rest)
}

/// The sum, in double precision.
pub(super) fn sum(row: &[f32]) -> f64 {
    let mut lanes = [0.0; LANES];
    let (chunks, rest) = row.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane += f64::from(x);
        }
    }
    lanes.iter().sum::<f64>() + rest.iter().map(|&x| f64::from(x)).sum::<f64>()
}

/// The sum and the count of the numbers that are at least `floor`.
pub(super) fn sum_at_least(row: &[f32], floor: f32) -> (f64, usize) {
    let mut sums = [0.0; LANES];
    let mut counts = [0_u32; LANES];
    let (chunks, rest) = row.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, &x) in chunk.iter().enumerate() {
            sums[lane] += f64::from(if x >= floor { x } else { 0.0 });
            counts[lane] += u32::from(x >= floor);
        }
    }
    let rest = rest.iter().filter(|&&x| x >= floor);
    let sum = sums.iter().sum::<f64>() + rest.clone().map(|&x| f64::from(x)).sum::<f64>();
    (sum, counts.iter().sum::<u32>() as usize + rest.count())
}

/// The sum and the count of the weights whose value is at least `floor`.
pub(super) fn sum_where(weights: &[f32], values: &[f32], floor: f32) -> (f64, usize) {
    let mut sums = [0.0; LANES];
    let mut counts = [0_u32; LANES];
    let (weights, last_weights) = weights.as_chunks::<LANES>();
    let (values, last_values) = values.as_chunks::<LANES>();
    for (weights, values) in weights.iter().zip(values) {
        for (lane, &value) in values.iter().enumerate() {
            // Read in any case: a load that depends on the comparison keeps the loop from vectors.
            let weight = weights[lane];
            sums[lane] += f64::from(if value >= floor { weight } else { 0.0 });
            counts[lane] += u32::from(value >= floor);
        }
    }
    let rest = last_weights.iter().zip(last_values);
    let rest = rest.filter(|&(_, &value)| value >= floor);
    let sum = sums.iter().sum::<f64>() + rest.clone().map(|(&w, _)| f64::from(w)).sum::<f64>();
    (sum, counts.iter().sum::<u32>() as usize + rest.count())
}

/// The sum of weight · (max − logit); a weight of 0 counts nothing.
pub(super) fn sum_of_depths(weights: &[f32], logits: &[f32], max: f32) -> f64 {
    let depth = |weight: f32, logit: f32| {
        let depth = weight * (max - logit);
        f64::from(if weight > 0.0 { depth } else { 0.0 })
    };
    let mut sums = [0.0; LANES];
    let (weights, last_weights) = weights.as_chunks::<LANES>();
    let (logits, last_logits) = logits.as_chunks::<LANES>();
    for (weights, logits) in weights.iter().zip(logits) {
        for (lane, &weight) in weights.iter().enumerate() {
            sums[lane] += depth(weight, logits[lane]);
        }
    }
    let rest = last_weights.iter().zip(last_logits);
    sums.iter().sum::<f64>() + rest.map(|(&w, &l)| depth(w, l)).sum::<f64>()
}

/// The sum and the sum of the squares of max − logit, and how many logits are finite.
pub(super) fn moments(logits: &[f32], max: f32) -> (f64, f64, usize) {
    let (mut sums, mut squares, mut counts) = ([0.0; LANES], [0.0; LANES], [0_u32; LANES]);
    let mut add = |lane: usize, logit: f32| {
        let finite = logit > f32::NEG_INFINITY;
        let depth = f64::from(if finite { max - logit } else { 0.0 });
        sums[lane] += depth;
        squares[lane] += depth * depth;
        counts[lane] += u32::from(finite);
    };
    let (chunks, rest) = logits.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, &logit) in chunk.iter().enumerate() {
            add(lane, logit);
        }
    }
    rest.iter().for_each(|&logit| add(0, logit));
    let count = counts.iter().sum::<u32>() as usize;
    (sums.iter().sum(), squares.iter().sum(), count)
}

/// Makes 0 of what is under `floor`.
pub(super) fn clear_under(row: &mut [f32], floor: f32) {
    for x in row {
        *x = if *x >= floor { *x } else { 0.0 };
    }
}

/// Numbers that are looked at together.
pub(super) const CHUNK: usize = 32;

/// The row in chunks, each with the index of its first number.
pub(super) fn chunks(row: &[f32]) -> impl Iterator<Item = (usize, &[f32])> {
    (0..).step_by(CHUNK).zip(row.chunks(CHUNK))
}

/// The indices of the numbers in a chunk that are at least `floor`, ascending. Where there are
/// none this costs next to nothing.
pub(super) fn at_least(chunk: &[f32], floor: f32) -> impl Iterator<Item = usize> + use<> {
    let bits = chunk.iter().enumerate();
    let mut left = bits.fold(0_u32, |found, (i, &x)| found | u32::from(x >= floor) << i);
    std::iter::from_fn(move || {
        let index = left.trailing_zeros();
        left &= left.wrapping_sub(1);
        (index < u32::BITS).then_some(index as usize)
    })
}

/// The index of the first number that is at least `floor`.
pub(super) fn first_at_least(row: &[f32], floor: f32) -> Option<usize> {
    chunks(row).find_map(|(start, chunk)| Some(start + at_least(chunk, floor).next()?))
}

/// Turns logits into weights: e^((logit − max) · scale).
pub(super) fn weigh(row: &mut [f32], max: f32, scale: f32) {
    for x in row {
        *x = exp((*x - max) * scale);
    }
}

/// The sum of e^(logit − max), in double precision; NaN counts nothing.
pub(super) fn sum_of_weights(row: &[f32], max: f32) -> f64 {
    let mut lanes = [0.0; LANES];
    let (chunks, rest) = row.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane += f64::from(exp(x - max));
        }
    }
    lanes.iter().sum::<f64>() + rest.iter().map(|&x| f64::from(exp(x - max))).sum::<f64>()
}

/// How many numbers are over `floor`.
pub(super) fn count_over(row: &[f32], floor: f32) -> usize {
    row.iter().map(|&x| u32::from(x > floor)).sum::<u32>() as usize
}

/// Multiplies every number. A finite one does not become +∞: an extreme temperature is not the
/// model's fault.
pub(super) fn scale(row: &mut [f32], factor: f32) {
    for x in row {
        let scaled = *x * factor;
        *x = if scaled > f32::MAX { f32::MAX } else { scaled };
    }
}

/// Below this the weight of a token is 0: e^−87 is near the smallest normal `f32`.
const SMALLEST_EXPONENT: f32 = -87.0;
/// Adding it rounds an `f32` to a whole number, which then stands in the lowest bits.
const ROUNDER: f32 = (3 << 22) as f32;
/// ln 2 in two parts; the first has few enough bits that its product with a whole number up to
/// 127 is exact.
const LN_2_HIGH: f32 = 355.0 / 512.0;
const LN_2_LOW: f32 = (std::f64::consts::LN_2 - 355.0 / 512.0) as f32;

/// e^x for x ≤ 0, within 2·10⁻⁷ of its value; 0 for NaN.
///
/// e^x = 2^n · e^r with n = round(x / ln 2), so |r| ≤ ln 2 / 2, where the first eight terms of
/// the exponential series leave an error of 5·10⁻⁹.
fn exp(x: f32) -> f32 {
    let rounded = x * std::f32::consts::LOG2_E + ROUNDER;
    let n = rounded - ROUNDER;
    let r = x - n * LN_2_HIGH - n * LN_2_LOW;
    let power_of_two = f32::from_bits((rounded.to_bits().wrapping_add(127)) << 23);
    if x >= SMALLEST_EXPONENT {
        series(r) * power_of_two
    } else {
        0.0
    }
}

fn series(r: f32) -> f32 {
    const RECIPROCAL_FACTORIALS: [f32; 7] = [
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        1.0 / 2.0,
        1.0,
        1.0,
    ];
    RECIPROCAL_FACTORIALS
        .iter()
        .fold(1.0 / 5040.0, |sum, &term| sum * r + term)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn max_passes_over_nan() {
        let mut row = vec![f32::NAN; 40];
        assert_eq!(max(&row), f32::NEG_INFINITY);
        for i in 0..row.len() {
            row[i] = -3.0;
            assert_eq!(max(&row), -3.0, "{i}");
            row[i] = f32::NAN;
        }
        row[39] = f32::INFINITY;
        assert_eq!(max(&row), f32::INFINITY);
    }

    #[test]
    fn sums_of_every_length() {
        for n in 0..70 {
            let row: Vec<f32> = (0..n).map(|i| i as f32).collect();
            let all = f64::from(n * (n - 1) / 2);
            assert_eq!(sum(&row), all);
            // Without 0, 1 and 2.
            let over = (f64::max(all - 3.0, 0.0), row.len().saturating_sub(3));
            assert_eq!(sum_at_least(&row, 3.0), over);
            assert_eq!(first_at_least(&row, 3.0), (n > 3).then_some(3));
        }
    }

    #[test]
    fn exp_is_close_and_its_edges_are_exact() {
        for i in 0..870_000 {
            let x = -1e-4 * i as f32;
            let exact = f64::from(x).exp();
            let error = (f64::from(exp(x)) - exact).abs() / exact;
            assert!(error < 2e-7, "e^{x} is off by {error}");
        }
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-0.0), 1.0);
        for x in [-87.1, -1e30, f32::NEG_INFINITY, f32::NAN] {
            assert_eq!(exp(x), 0.0, "{x}");
        }
    }
}
