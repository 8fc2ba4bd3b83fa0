//! Small functions of rows of numbers.

use crate::simd::{InstructionSet, Kernel, MultiplyAdd};

/// `eˣ` within two units in the last place, for the compiler to vectorise. Below −87 it is the
/// smallest normal number, above 88 the largest power; NaN stays NaN.
///
/// `eˣ = 2ⁿ · eʳ` with `n` the nearest integer to `x / ln 2`; `eʳ` by its Taylor polynomial, whose
/// error is below 2⁻²⁵ for `|r| ≤ ln 2 / 2`.
#[inline(always)]
pub(crate) fn exp<M: MultiplyAdd>(x: f32) -> f32 {
    /// Added to a number, it leaves the nearest integer in the lowest bits.
    const SHIFT: f32 = 12_582_912.0;
    /// The leading bits of ln 2, few enough for `n * LN_2_HIGH` to be exact.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    const TAYLOR: [f32; 6] = [
        1.0 / 5_040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
    ];
    let x = x.clamp(-87.0, 88.0);
    let shifted = M::multiply_add(x, std::f32::consts::LOG2_E, SHIFT);
    let n = shifted - SHIFT;
    let r = M::multiply_add(n, -LN_2_LOW, M::multiply_add(n, -LN_2_HIGH, x));
    let series = TAYLOR
        .into_iter()
        .fold(0.0, |sum: f32, term| M::multiply_add(sum, r, term));
    let power = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    M::multiply_add(series * r, r, r + 1.0) * power
}

/// The mean of the squares decides the scale (RMSNorm, arXiv:1910.07467).
#[derive(Debug, Clone, Copy)]
pub(crate) struct RmsNorm<'a> {
    pub(crate) weight: &'a [f32],
    pub(crate) epsilon: f32,
}

impl RmsNorm<'_> {
    /// Norms a row in place.
    pub(crate) fn apply(&self, set: InstructionSet, x: &mut [f32]) {
        set.run(Norm { norm: self, x });
    }
}

struct Norm<'a> {
    norm: &'a RmsNorm<'a>,
    x: &'a mut [f32],
}

impl Kernel for Norm<'_> {
    type Output = ();

    #[inline(always)]
    fn run<M: MultiplyAdd>(self) {
        let mean = sum_of_squares::<M>(self.x) / self.x.len() as f32;
        let factor = 1.0 / (mean + self.norm.epsilon).sqrt();
        for (x, weight) in self.x.iter_mut().zip(self.norm.weight) {
            *x = *x * factor * weight;
        }
    }
}

#[inline(always)]
fn sum_of_squares<M: MultiplyAdd>(x: &[f32]) -> f32 {
    let (lanes, rest) = x.as_chunks::<16>();
    let mut sums = [0.0; 16];
    for x in lanes {
        for (sum, x) in sums.iter_mut().zip(x) {
            *sum = M::multiply_add(*x, *x, *sum);
        }
    }
    let sum = sums.iter().sum();
    rest.iter().fold(sum, |sum, x| M::multiply_add(*x, *x, sum))
}

/// The gate of the feed-forward (arXiv:2002.05202): `out = gate * sigmoid(gate) * up`.
pub(crate) fn silu_gate(set: InstructionSet, gate: &[f32], up: &[f32], out: &mut [f32]) {
    set.run(SiluGate { gate, up, out });
}

struct SiluGate<'a> {
    gate: &'a [f32],
    up: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for SiluGate<'_> {
    type Output = ();

    #[inline(always)]
    fn run<M: MultiplyAdd>(self) {
        for ((out, gate), up) in self.out.iter_mut().zip(self.gate).zip(self.up) {
            *out = gate / (1.0 + exp::<M>(-gate)) * up;
        }
    }
}

/// The sum of some numbers, 16 side by side and then halves of what is left, for the compiler to
/// vectorise.
#[inline(always)]
pub(crate) fn sum(x: &[f32]) -> f32 {
    let (lanes, rest) = x.as_chunks::<16>();
    let mut sums = [0.0; 16];
    for x in lanes {
        for (sum, x) in sums.iter_mut().zip(x) {
            *sum += x;
        }
    }
    let eight: [f32; 8] = std::array::from_fn(|i| sums[i] + sums[i + 8]);
    let four: [f32; 4] = std::array::from_fn(|i| eight[i] + eight[i + 4]);
    let whole = (four[0] + four[2]) + (four[1] + four[3]);
    rest.iter().fold(whole, |sum, x| sum + x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Plain;

    #[test]
    fn exp_is_exact_to_two_units_in_the_last_place() {
        for i in -87_000..=88_000 {
            let x = i as f32 / 1_000.0;
            let exact = f64::from(x).exp();
            let error = (f64::from(exp::<Plain>(x)) - exact).abs() / exact;
            assert!(
                error < 2.0 * f64::from(f32::EPSILON),
                "exp({x}) is off by {error:e}"
            );
        }
        assert!(exp::<Plain>(f32::NAN).is_nan());
        assert!(exp::<Plain>(f32::NEG_INFINITY) < 1e-37);
    }

    #[test]
    fn norm_and_gate_are_their_formulas() {
        let x: Vec<f32> = (0..83).map(|i| (i as f32 * 0.7).sin() * 5.0).collect();
        let weight: Vec<f32> = (0..83).map(|i| 1.0 + i as f32 / 100.0).collect();
        for set in [InstructionSet::Portable, InstructionSet::detect()] {
            let (mut normed, mut gated) = (x.clone(), vec![0.0; 83]);
            let (weight, epsilon) = (&weight[..], 1e-5);
            RmsNorm { weight, epsilon }.apply(set, &mut normed);
            silu_gate(set, &x, weight, &mut gated);
            let mean = x.iter().map(|x| f64::from(x * x)).sum::<f64>() / 83.0;
            for i in 0..83 {
                let exact = f64::from(x[i] * weight[i]) / (mean + 1e-5).sqrt();
                assert!((f64::from(normed[i]) - exact).abs() < 1e-5);
                let exact = f64::from(x[i] * weight[i]) / (1.0 + (-f64::from(x[i])).exp());
                assert!((f64::from(gated[i]) - exact).abs() < 1e-5);
            }
        }
    }
}
