//! Rotary position embedding (RoFormer, arXiv:2104.09864).

use stream_checkpoint::{Rotary, RotaryPairing};

use crate::matrix::Matrix;

/// Turns pairs of a head's dimensions by angles that grow with the position.
#[derive(Debug)]
pub(crate) struct Rotation {
    pairing: RotaryPairing,
    /// Angle of each pair from one position to the next.
    frequencies: Vec<f32>,
    magnitude: f32,
}

impl Rotation {
    pub(crate) fn new(rotary: &Rotary) -> Self {
        Self {
            pairing: rotary.pairing,
            frequencies: rotary.frequencies.clone(),
            magnitude: rotary.magnitude,
        }
    }

    /// Room for the turns of `rows` positions.
    pub(crate) fn turns(&self, rows: usize) -> Matrix {
        Matrix::new(rows, 2 * self.frequencies.len())
    }

    /// The cosines of every pair's angle at a position, then the sines, both times the
    /// magnitude. Angles are `f32`, as the models were trained with; their sines are computed in
    /// `f64`, so that rounding hides the last bits, in which mathematical libraries differ.
    pub(crate) fn turn(&self, position: usize, turn: &mut [f32]) {
        let (cosines, sines) = turn.split_at_mut(self.frequencies.len());
        for ((cosine, sine), frequency) in cosines.iter_mut().zip(sines).zip(&self.frequencies) {
            let (s, c) = f64::from(position as f32 * frequency).sin_cos();
            let magnitude = f64::from(self.magnitude);
            (*sine, *cosine) = ((s * magnitude) as f32, (c * magnitude) as f32);
        }
    }

    /// Turns one head.
    pub(crate) fn apply(&self, turn: &[f32], head: &mut [f32]) {
        let pairs = self.frequencies.len();
        let (cosines, sines) = turn.split_at(pairs);
        match self.pairing {
            RotaryPairing::Interleaved => {
                let (heads, _) = head[..2 * pairs].as_chunks_mut();
                for (([a, b], cosine), sine) in heads.iter_mut().zip(cosines).zip(sines) {
                    (*a, *b) = rotate(*a, *b, *cosine, *sine);
                }
            }
            RotaryPairing::Halves => {
                let (low, high) = head[..2 * pairs].split_at_mut(pairs);
                let halves = low.iter_mut().zip(high);
                for (((a, b), cosine), sine) in halves.zip(cosines).zip(sines) {
                    (*a, *b) = rotate(*a, *b, *cosine, *sine);
                }
            }
        }
    }
}

fn rotate(a: f32, b: f32, cosine: f32, sine: f32) -> (f32, f32) {
    (a * cosine - b * sine, a * sine + b * cosine)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rotated(
        pairing: RotaryPairing,
        dimensions: usize,
        position: usize,
        head: &[f32],
    ) -> Vec<f32> {
        let rotation = Rotation::new(&Rotary::unscaled(100.0, dimensions, pairing));
        let mut turn = vec![0.0; dimensions];
        rotation.turn(position, &mut turn);
        let mut head = head.to_vec();
        rotation.apply(&turn, &mut head);
        head
    }

    #[test]
    fn pairs_turn_by_their_own_angle() {
        // Frequencies 1 and 100^(-1/2) = 0.1, so position 3 turns by 3 and 0.3 radians.
        let (c, s) = (3.0_f32.cos(), 3.0_f32.sin());
        let (d, t) = (0.3_f32.cos(), 0.3_f32.sin());
        let interleaved = rotated(RotaryPairing::Interleaved, 4, 3, &[1.0, 2.0, 5.0, 7.0, 9.0]);
        let wanted = [
            c - 2.0 * s,
            s + 2.0 * c,
            5.0 * d - 7.0 * t,
            5.0 * t + 7.0 * d,
            9.0,
        ];
        assert_close(&interleaved, &wanted);
        let halves = rotated(RotaryPairing::Halves, 4, 3, &[1.0, 5.0, 2.0, 7.0, 9.0]);
        assert_close(&halves, &[wanted[0], wanted[2], wanted[1], wanted[3], 9.0]);
    }

    #[test]
    fn position_zero_changes_nothing() {
        for pairing in [RotaryPairing::Interleaved, RotaryPairing::Halves] {
            assert_eq!(
                rotated(pairing, 4, 0, &[1.0, -2.0, 3.0, 4.0]),
                [1.0, -2.0, 3.0, 4.0]
            );
        }
    }

    fn assert_close(found: &[f32], wanted: &[f32]) {
        let near = found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-5);
        assert!(
            near && found.len() == wanted.len(),
            "{found:?} is not {wanted:?}"
        );
    }
}
