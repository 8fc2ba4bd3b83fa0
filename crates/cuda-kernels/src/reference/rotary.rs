//! Rotation of heads.

use crate::Pairing;

/// How a model rotates its heads.
#[derive(Debug, Clone, Copy)]
pub struct Rotation<'a> {
    /// The angle of each pair from one position to the next.
    pub frequencies: &'a [f32],
    /// Which dimensions make a pair.
    pub pairing: Pairing,
    /// Multiplies what is rotated.
    pub magnitude: f32,
}

/// The norm of a head.
#[derive(Debug, Clone, Copy)]
pub struct HeadNorm<'a> {
    /// As many as the head has dimensions.
    pub weight: &'a [f32],
    /// Added to the mean square.
    pub epsilon: f32,
}

impl Rotation<'_> {
    /// Norms a head, if it has a norm, and rotates it.
    pub fn place(&self, head: &[f32], norm: Option<HeadNorm<'_>>, position: usize) -> Vec<f64> {
        let mut head = match norm {
            Some(norm) => super::rms_norm(head, norm.weight, norm.epsilon),
            None => head.iter().map(|&x| f64::from(x)).collect(),
        };
        let pairs = self.frequencies.len();
        for (pair, &frequency) in self.frequencies.iter().enumerate() {
            let (first, second) = match self.pairing {
                Pairing::Halves => (pair, pair + pairs),
                Pairing::Interleaved => (2 * pair, 2 * pair + 1),
            };
            // Angles are rounded to `f32`, as the models were trained with.
            let (sine, cosine) = f64::from(position as f32 * frequency).sin_cos();
            let magnitude = f64::from(self.magnitude);
            let (x, y) = (head[first] * magnitude, head[second] * magnitude);
            head[first] = x * cosine - y * sine;
            head[second] = x * sine + y * cosine;
        }
        head
    }
}
