//! Quantised matrices as `MatMulNBits` takes them.
//!
//! The operator multiplies with `scale · (code − zero)`, in groups of 16 or 32 inputs with a whole
//! number for `zero`. The formats of GGUF files are all of the form `scale · code + minimum`, so
//!
//! | format | bits | what is left over |
//! |---|---|---|
//! | Q4_0 | 4 | nothing |
//! | Q8_0, Q5_0, Q6_K | 8 | nothing |
//! | Q4_1, Q4_K | 4 | `minimum + scale · zero`, at most half a scale |
//! | Q5_1, Q5_K | 8 | the same |
//!
//! What is left over is one number for each group and output. Our own operators add its product
//! with the sum of the group's inputs, so that every format keeps its weights exactly.

use rayon::prelude::*;
use stream_checkpoint::{Affine, TensorView};

/// Outputs whose leftovers lie side by side.
pub(crate) const LEFTOVER_TILE: usize = 32;

/// A matrix for `MatMulNBits`, with what that operator cannot say.
#[derive(Debug)]
pub(crate) struct Packed {
    pub(crate) bits: usize,
    /// Inputs in a group.
    pub(crate) group: usize,
    pub(crate) outputs: usize,
    pub(crate) inputs: usize,
    /// For each output the codes of its inputs; of two in a byte the first is the lower.
    pub(crate) codes: Vec<u8>,
    /// For each output and group.
    pub(crate) scales: Vec<f32>,
    /// The same, packed as the codes are; `None` if each is the operator's default.
    pub(crate) zeros: Option<Vec<u8>>,
    /// For each tile of 32 outputs, filled up with zeros, its groups: 32 numbers each. `None` if
    /// all are 0.
    pub(crate) leftover: Option<Vec<f32>>,
}

/// How a matrix can be packed: matrices of the same form can be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Form {
    bits: usize,
    group: usize,
}

impl Form {
    /// `None` for numbers that are no codes.
    pub(crate) fn of(view: &TensorView<'_>) -> Option<Self> {
        let (bits, group) = view.format().codes()?;
        let bits = if bits <= 4 { 4 } else { 8 };
        Some(Self { bits, group })
    }

    /// The zero that the operator assumes.
    fn default_zero(self) -> u8 {
        1 << (self.bits - 1)
    }
}

/// One row of a matrix, before it is laid out.
struct Row {
    codes: Vec<u8>,
    scales: Vec<f32>,
    zeros: Vec<u8>,
    leftover: Vec<f32>,
}

impl Packed {
    /// Packs matrices of one form and with the same inputs, their outputs one after the other.
    pub(crate) fn new(form: Form, views: &[TensorView<'_>]) -> Self {
        let inputs = views.first().map_or(0, |view| view.shape().1);
        let rows = |view: &TensorView<'_>| {
            let view = *view;
            let rows = (0..view.shape().0).into_par_iter();
            rows.map(move |row| form.row(&view, row))
                .collect::<Vec<_>>()
        };
        let rows: Vec<Row> = views.iter().flat_map(rows).collect();
        let plain = rows
            .iter()
            .flat_map(|row| &row.zeros)
            .all(|&zero| zero == form.default_zero());
        let exact = rows
            .iter()
            .flat_map(|row| &row.leftover)
            .all(|&left| left == 0.0);
        Self {
            bits: form.bits,
            group: form.group,
            outputs: rows.len(),
            inputs,
            codes: rows.iter().flat_map(|row| form.bytes(&row.codes)).collect(),
            scales: rows
                .iter()
                .flat_map(|row| row.scales.iter().copied())
                .collect(),
            zeros: (!plain).then(|| rows.iter().flat_map(|row| form.bytes(&row.zeros)).collect()),
            leftover: (!exact).then(|| tiled(&rows)),
        }
    }
}

/// The leftovers of some rows in tiles.
fn tiled(rows: &[Row]) -> Vec<f32> {
    let groups = rows.first().map_or(0, |row| row.leftover.len());
    let tiles = rows.len().div_ceil(LEFTOVER_TILE);
    let mut numbers = vec![0.0; tiles * groups * LEFTOVER_TILE];
    for (number, row) in rows.iter().enumerate() {
        let (tile, lane) = (number / LEFTOVER_TILE, number % LEFTOVER_TILE);
        for (group, left) in row.leftover.iter().enumerate() {
            numbers[(tile * groups + group) * LEFTOVER_TILE + lane] = *left;
        }
    }
    numbers
}

impl Form {
    fn row(self, view: &TensorView<'_>, row: usize) -> Row {
        let mut codes = vec![0; view.shape().1];
        let mut groups = Vec::new();
        view.format()
            .unpack(view.row_bytes(row), &mut codes, &mut groups);
        let zeros: Vec<_> = groups.iter().map(|group| self.zero(group)).collect();
        let left = |(group, zero): (&Affine, &u8)| group.minimum + group.scale * f32::from(*zero);
        let leftover = groups.iter().zip(&zeros).map(left).collect();
        let mut row = Row {
            codes,
            scales: groups.iter().map(|group| group.scale).collect(),
            zeros,
            leftover,
        };
        self.centre(&mut row, view);
        row
    }

    /// The code that comes nearest to 0.
    fn zero(self, group: &Affine) -> u8 {
        let most = ((1_u32 << self.bits) - 1) as f32;
        let zero = (-group.minimum / group.scale).round();
        if zero.is_finite() {
            zero.clamp(0.0, most) as u8
        } else {
            self.default_zero()
        }
    }

    /// Codes of five and six bits have room in eight: shifted, they need no zeros of their own
    /// where all have the same.
    fn centre(self, row: &mut Row, view: &TensorView<'_>) {
        let (bits, _) = view.format().codes().unwrap_or((self.bits, self.group));
        let middle = 1 << (bits - 1);
        if bits == self.bits || row.zeros.iter().any(|&zero| zero != middle) {
            return;
        }
        let shift = self.default_zero() - middle;
        row.codes
            .iter_mut()
            .chain(&mut row.zeros)
            .for_each(|code| *code += shift);
    }

    /// The codes of a row, two in a byte if they have four bits.
    fn bytes(self, codes: &[u8]) -> Vec<u8> {
        match self.bits {
            4 => codes
                .chunks(2)
                .map(|pair| pair[0] | pair.get(1).map_or(0, |high| high << 4))
                .collect(),
            _ => codes.to_vec(),
        }
    }
}
