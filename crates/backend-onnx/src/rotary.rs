//! Rotary position embedding (RoFormer, arXiv:2104.09864).

use stream_checkpoint::{Rotary, RotaryPairing};

/// Turns pairs of a head's dimensions by angles that grow with the position.
#[derive(Debug, Clone)]
pub(crate) struct Rotation {
    rotary: Rotary,
}

impl Rotation {
    pub(crate) fn new(rotary: &Rotary) -> Self {
        Self {
            rotary: rotary.clone(),
        }
    }

    /// Numbers that a position's [`turn`](Self::turn) has.
    pub(crate) fn turn_width(&self) -> usize {
        2 * self.rotary.frequencies.len()
    }

    /// The cosines of every pair's angle at a position, then the sines, both times the
    /// magnitude. Angles are `f32`, as the models were trained with; their sines are computed in
    /// `f64`, so that rounding hides the last bits, in which mathematical libraries differ.
    pub(crate) fn turn(&self, position: usize, turn: &mut [f32]) {
        let frequencies = &self.rotary.frequencies;
        let magnitude = f64::from(self.rotary.magnitude);
        let (cosines, sines) = turn.split_at_mut(frequencies.len());
        for ((cosine, sine), frequency) in cosines.iter_mut().zip(sines).zip(frequencies) {
            let (s, c) = f64::from(position as f32 * frequency).sin_cos();
            (*sine, *cosine) = ((s * magnitude) as f32, (c * magnitude) as f32);
        }
    }

    /// Turns one head.
    pub(crate) fn apply(&self, turn: &[f32], head: &mut [f32]) {
        let pairs = self.rotary.frequencies.len();
        let (cosines, sines) = turn.split_at(pairs);
        let turns = cosines.iter().zip(sines);
        match self.rotary.pairing {
            RotaryPairing::Interleaved => {
                let heads = head[..2 * pairs].as_chunks_mut().0;
                for ([a, b], (cosine, sine)) in heads.iter_mut().zip(turns) {
                    (*a, *b) = rotate(*a, *b, *cosine, *sine);
                }
            }
            RotaryPairing::Halves => {
                let (low, high) = head[..2 * pairs].split_at_mut(pairs);
                for ((a, b), (cosine, sine)) in low.iter_mut().zip(high).zip(turns) {
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

    /// Frequencies 1 and 100^(-1/2) = 0.1, so position 3 turns by 3 and 0.3 radians.
    #[test]
    fn pairs_turn_by_their_own_angle() {
        let (c, s) = (3.0_f32.cos(), 3.0_f32.sin());
        let (d, t) = (0.3_f32.cos(), 0.3_f32.sin());
        let turned = [
            c - 2.0 * s,
            s + 2.0 * c,
            5.0 * d - 7.0 * t,
            5.0 * t + 7.0 * d,
        ];
        let [a, b, e, f] = turned;
        for (pairing, head, wanted) in [
            (
                RotaryPairing::Interleaved,
                [1.0, 2.0, 5.0, 7.0, 9.0],
                [a, b, e, f, 9.0],
            ),
            (
                RotaryPairing::Halves,
                [1.0, 5.0, 2.0, 7.0, 9.0],
                [a, e, b, f, 9.0],
            ),
        ] {
            let rotation = Rotation::new(&Rotary::unscaled(100.0, 4, pairing));
            let (mut turn, mut head) = ([0.0; 4], head);
            rotation.turn(3, &mut turn);
            rotation.apply(&turn, &mut head);
            for (found, wanted) in head.iter().zip(wanted) {
                assert!((found - wanted).abs() < 1e-5, "{pairing:?}: {head:?}");
            }
        }
    }
}
