//! What is done to each number of a row between the matrix products.

use crate::simd::{InstructionSet, Kernel, LANES, Simd, sum};

/// Root-mean-square norm (arXiv:1910.07467): `out = x / sqrt(mean(x²) + epsilon) * weight`.
pub(crate) struct RmsNorm<'a> {
    pub(crate) weight: &'a [f32],
    pub(crate) epsilon: f32,
}

impl RmsNorm<'_> {
    /// Norms one row.
    pub(crate) fn apply(&self, set: InstructionSet, x: &[f32], out: &mut [f32]) {
        set.run(Norm { norm: self, x, out });
    }

    /// Norms one row where it stands.
    pub(crate) fn apply_in_place(&self, set: InstructionSet, x: &mut [f32]) {
        set.run(NormInPlace { norm: self, x });
    }

    #[inline(always)]
    fn factor(&self, x: &[f32]) -> f32 {
        let mean = sum_of_squares(x) / x.len() as f32;
        1.0 / (mean + self.epsilon).sqrt()
    }
}

struct Norm<'a> {
    norm: &'a RmsNorm<'a>,
    x: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for Norm<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let factor = self.norm.factor(self.x);
        for ((out, x), weight) in self.out.iter_mut().zip(self.x).zip(self.norm.weight) {
            *out = x * factor * weight;
        }
    }
}

struct NormInPlace<'a> {
    norm: &'a RmsNorm<'a>,
    x: &'a mut [f32],
}

impl Kernel for NormInPlace<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let factor = self.norm.factor(self.x);
        for (x, weight) in self.x.iter_mut().zip(self.norm.weight) {
            *x = *x * factor * weight;
        }
    }
}

#[inline(always)]
fn sum_of_squares(x: &[f32]) -> f32 {
    let (lanes, rest) = x.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for x in lanes {
        for i in 0..LANES {
            sums[i] = x[i].mul_add(x[i], sums[i]);
        }
    }
    rest.iter().fold(sum(sums), |sum, x| x.mul_add(*x, sum))
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
    fn run<S: Simd>(self, _: S) {
        for ((out, gate), up) in self.out.iter_mut().zip(self.gate).zip(self.up) {
            *out = gate / (1.0 + exp(-gate)) * up;
        }
    }
}

/// `eˣ` within two units in the last place, for the compiler to vectorise. Below −87 it is the
/// smallest normal number, above 88 the largest power; NaN stays NaN.
///
/// `eˣ = 2ⁿ · eʳ` with `n` the nearest integer to `x / ln 2`; `eʳ` by its Taylor polynomial, whose
/// error is below 2⁻²⁵ for `|r| ≤ ln 2 / 2`.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
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
    let shifted = x.mul_add(std::f32::consts::LOG2_E, SHIFT);
    let n = shifted - SHIFT;
    let r = n.mul_add(-LN_2_LOW, n.mul_add(-LN_2_HIGH, x));
    let series = TAYLOR
        .into_iter()
        .fold(0.0, |sum: f32, term| sum.mul_add(r, term));
    let power = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    (series * r).mul_add(r, r + 1.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_exact_to_two_units_in_the_last_place() {
        for i in -87_000..=88_000 {
            let x = i as f32 / 1_000.0;
            let exact = f64::from(x).exp();
            let error = (f64::from(exp(x)) - exact).abs() / exact;
            assert!(
                error < 2.0 * f64::from(f32::EPSILON),
                "exp({x}) is off by {error:e}"
            );
        }
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(f32::NAN).is_nan());
        assert!(exp(f32::NEG_INFINITY) < 1e-37 && exp(f32::INFINITY) > 1e38);
    }

    #[test]
    fn norm_and_gate_do_the_same_on_every_cpu() {
        let x: Vec<f32> = (0..83).map(|i| (i as f32 * 0.7).sin() * 5.0).collect();
        let weight: Vec<f32> = (0..83).map(|i| 1.0 + i as f32 / 100.0).collect();
        let norm = RmsNorm {
            weight: &weight,
            epsilon: 1e-5,
        };
        let mut wanted = None;
        for set in InstructionSet::available() {
            let (mut normed, mut gated) = (vec![0.0; 83], vec![0.0; 83]);
            norm.apply(set, &x, &mut normed);
            let mut in_place = x.clone();
            norm.apply_in_place(set, &mut in_place);
            assert_eq!(in_place, normed);
            silu_gate(set, &x, &weight, &mut gated);
            let mean = x.iter().map(|x| f64::from(x * x)).sum::<f64>() / 83.0;
            for i in 0..83 {
                let exact = f64::from(x[i] * weight[i]) / (mean + 1e-5).sqrt();
                assert!((f64::from(normed[i]) - exact).abs() < 1e-5);
                let exact = f64::from(x[i] * weight[i]) / (1.0 + (-f64::from(x[i])).exp());
                assert!((f64::from(gated[i]) - exact).abs() < 1e-5);
            }
            let bits: Vec<_> = normed.iter().chain(&gated).map(|x| x.to_bits()).collect();
            assert_eq!(*wanted.get_or_insert(bits.clone()), bits, "{set}");
        }
    }
}
