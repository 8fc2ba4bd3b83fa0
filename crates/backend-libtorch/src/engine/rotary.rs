//! Rotary position embedding (RoFormer, arXiv:2104.09864).

use stream_checkpoint::{Rotary, RotaryPairing};
use tch::{Device, TchError, Tensor};

/// Turns pairs of a head's dimensions by angles that grow with the position. Dimension `i` of the
/// rotated ones always turns with `i + dimensions / 2`: where a file pairs neighbours, the rows
/// of queries and keys are loaded [in another order](Rotation::row).
#[derive(Debug)]
pub(super) struct Rotation {
    pairing: RotaryPairing,
    frequencies: Vec<f32>,
    magnitude: f32,
}

/// Cosines and sines of every token of a step, `[tokens, 1, dimensions]` each.
#[derive(Debug)]
pub(super) struct Turns {
    pub(super) cosines: Tensor,
    /// Negative for the first half of the dimensions.
    pub(super) sines: Tensor,
}

impl Rotation {
    pub(super) fn new(rotary: &Rotary) -> Self {
        Self {
            pairing: rotary.pairing,
            frequencies: rotary.frequencies.clone(),
            magnitude: rotary.magnitude,
        }
    }

    /// Which row of a head in the file becomes this row of the head. Queries and keys change
    /// alike, so that their products stay the same.
    pub(super) fn row(&self, row: usize) -> usize {
        let pairs = self.frequencies.len();
        match self.pairing {
            RotaryPairing::Interleaved if row < pairs => 2 * row,
            RotaryPairing::Interleaved if row < 2 * pairs => 2 * (row - pairs) + 1,
            _ => row,
        }
    }

    /// The turns of some positions. Angles are `f32`, as the models were trained with; their
    /// sines are computed in `f64`.
    pub(super) fn turns(&self, positions: &[usize], device: Device) -> Result<Turns, TchError> {
        let pairs = self.frequencies.len();
        let (mut cosines, mut sines) = (Vec::new(), Vec::new());
        for &position in positions {
            let first = cosines.len();
            for frequency in &self.frequencies {
                let (sine, cosine) = f64::from(position as f32 * frequency).sin_cos();
                let magnitude = f64::from(self.magnitude);
                cosines.push((cosine * magnitude) as f32);
                sines.push((-sine * magnitude) as f32);
            }
            cosines.extend_from_within(first..);
            sines.extend_from_within(first..);
            sines[first + pairs..]
                .iter_mut()
                .for_each(|sine| *sine = -*sine);
        }
        let shape = [positions.len() as i64, 1, 2 * pairs as i64];
        let tensor = |numbers: &[f32]| {
            Tensor::from_slice(numbers)
                .f_view(shape)?
                .f_to_device(device)
        };
        Ok(Turns {
            cosines: tensor(&cosines)?,
            sines: tensor(&sines)?,
        })
    }
}
