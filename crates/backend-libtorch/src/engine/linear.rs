//! Matrices of weights and their products with rows of activations.
//!
//! The forms that a matrix can have, and where its file's format leads:
//!
//! | format | narrow steps | wide steps | bits a weight |
//! |---|---|---|---|
//! | Q4_0, Q4_1 | [`Nibbles`] | `bf16` | 5.5 and 16 |
//! | Q8_0 | [`Bytes`] | `bf16` | 8 and 16 |
//! | all others | `bf16` | `bf16` | 16 |
//!
//! With [`Precision::F32`] all of them are `f32`. On a GPU, and by the portable operators, there
//! is one form, of `bf16` or `f32`.

mod bytes;
mod load;
mod nibbles;

use half::bf16;
use stream_checkpoint::{TensorFormat, TensorView};
use tch::{Device, Kind, TchError, Tensor};

use self::bytes::Bytes;
use self::nibbles::Nibbles;
use super::operators::Passes;
use super::shim::Packed;
use crate::{Batches, LoadError, Precision};

/// Rows of activations from which on `bf16` is faster than the quantised forms.
const WIDE: i64 = 9;

/// How matrices are loaded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Loading {
    pub(super) threads: usize,
    pub(super) precision: Precision,
    pub(super) batches: Batches,
    pub(super) passes: Passes,
    pub(super) device: Device,
}

impl Loading {
    /// In what kind of numbers products, keys and values are computed.
    pub(super) fn kind(&self) -> Kind {
        match self.precision {
            Precision::F32 => Kind::Float,
            Precision::Native | Precision::Bf16 => Kind::BFloat16,
        }
    }
}

/// Rows of a tensor that become the next outputs of a matrix.
pub(super) struct Part<'a> {
    pub(super) weight: TensorView<'a>,
    pub(super) bias: Option<TensorView<'a>>,
    /// Which row of the tensor each output is.
    pub(super) rows: Vec<usize>,
}

impl<'a> Part<'a> {
    /// Every row in the order of the file, without a bias.
    pub(super) fn plain(weight: TensorView<'a>) -> Self {
        let rows = (0..weight.shape().0).collect();
        Self {
            weight,
            bias: None,
            rows,
        }
    }
}

/// A matrix of weights.
#[derive(Debug)]
pub(super) struct Linear {
    form: Form,
    bias: Option<Tensor>,
    batches: Batches,
}

#[derive(Debug)]
enum Form {
    /// `[outputs, inputs]`, for the operator that takes any kind on any device.
    Plain(Tensor),
    Half(Packed),
    Nibbles(Nibbles, Option<Packed>),
    Bytes(Bytes, Option<Packed>),
}

impl Linear {
    /// Takes parts with equally many inputs, one below the other.
    pub(super) fn load(parts: &[Part<'_>], loading: &Loading) -> Result<Self, LoadError> {
        let form = match loading.precision {
            Precision::F32 => Form::Plain(single(parts, loading)?),
            _ if loading.passes == Passes::Plain => Form::Plain(rounded(parts, loading)?),
            Precision::Bf16 => Form::Half(half(parts, loading)?),
            Precision::Native => native(parts, loading)?,
        };
        let has_bias = parts.iter().any(|part| part.bias.is_some());
        Ok(Self {
            form,
            bias: match has_bias {
                true => Some(load::bias(parts).f_to_device(loading.device)?),
                false => None,
            },
            batches: loading.batches,
        })
    }

    /// The products of rows, `[n, inputs]`, with every output: `[n, outputs]`. Rows are of the
    /// kind of [`Loading::kind`]; the products are so too, or `f32`.
    pub(super) fn multiply(&self, rows: &Tensor) -> Result<Tensor, TchError> {
        let out = match self.batches {
            Batches::Fastest => self.form.multiply(rows)?,
            Batches::Invariant => self.form.multiply_alike(rows)?,
        };
        match &self.bias {
            Some(bias) => out.f_add(bias),
            None => Ok(out),
        }
    }
}

/// Quantised where an operator takes the format, for all parts alike.
fn native(parts: &[Part<'_>], loading: &Loading) -> Result<Form, LoadError> {
    let all = |fits: fn(&TensorView<'_>) -> bool| parts.iter().all(|part| fits(&part.weight));
    let wide = || match loading.batches {
        Batches::Fastest => half(parts, loading).map(Some),
        Batches::Invariant => Ok(None),
    };
    let outputs = parts.iter().map(|part| part.rows.len()).sum();
    if all(Nibbles::takes) && Nibbles::takes_outputs(outputs) {
        return Ok(Form::Nibbles(
            Nibbles::load(parts, loading.threads)?,
            wide()?,
        ));
    }
    if all(|weight| weight.format() == TensorFormat::Q8_0) {
        return Ok(Form::Bytes(Bytes::load(parts, loading.threads)?, wide()?));
    }
    half(parts, loading).map(Form::Half)
}

fn single(parts: &[Part<'_>], loading: &Loading) -> Result<Tensor, LoadError> {
    Ok(load::single(parts, loading.threads)?.f_to_device(loading.device)?)
}

fn half(parts: &[Part<'_>], loading: &Loading) -> Result<Packed, LoadError> {
    Ok(Packed::new(&rounded(parts, loading)?)?)
}

/// `[outputs, inputs]` of `bf16`.
fn rounded(parts: &[Part<'_>], loading: &Loading) -> Result<Tensor, LoadError> {
    let numbers = load::rows(parts, loading.threads, |row: &[f32], out: &mut [bf16]| {
        for (out, number) in out.iter_mut().zip(row) {
            *out = bf16::from_f32(*number);
        }
    });
    let weight = load::tensor(&numbers)?.f_view([-1, load::inputs(parts) as i64])?;
    Ok(weight.f_to_device(loading.device)?)
}

impl Form {
    /// By the faster operator for so many rows.
    fn multiply(&self, rows: &Tensor) -> Result<Tensor, TchError> {
        match self {
            Self::Nibbles(_, Some(wide)) | Self::Bytes(_, Some(wide)) if rows.size()[0] >= WIDE => {
                wide.multiply(rows)
            }
            Self::Nibbles(nibbles, _) => nibbles.multiply(rows),
            Self::Bytes(bytes, _) => bytes.multiply(rows),
            Self::Half(packed) => packed.multiply(rows),
            Self::Plain(weight) => rows.f_linear(weight, None::<&Tensor>),
        }
    }

    /// By the same operations for each row, whatever rows stand beside it.
    fn multiply_alike(&self, rows: &Tensor) -> Result<Tensor, TchError> {
        let alike = matches!(self, Self::Nibbles(..) | Self::Bytes(..));
        let count = rows.size()[0];
        if alike || count <= 1 {
            return self.multiply(rows);
        }
        let single = |row| self.multiply(&rows.f_narrow(0, row, 1)?);
        let products: Vec<_> = (0..count).map(single).collect::<Result<_, _>>()?;
        Tensor::f_cat(&products, 0)
    }
}
