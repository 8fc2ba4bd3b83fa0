//! The number formats of tensors.

use std::fmt;

use crate::dequant;

/// How the numbers of a tensor are stored: in blocks of [`block_size`](Self::block_size) values
/// that take [`block_bytes`](Self::block_bytes) bytes, row after row.
///
/// The layouts are those of ggml (`ggml-common.h`); a row is a whole number of blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TensorFormat {
    /// IEEE 754 single precision.
    F32,
    /// IEEE 754 half precision.
    F16,
    /// The upper half of an `F32`.
    BF16,
    /// 4 bits, a scale per 32 values.
    Q4_0,
    /// 4 bits, a scale and a minimum per 32 values.
    Q4_1,
    /// 5 bits, a scale per 32 values.
    Q5_0,
    /// 5 bits, a scale and a minimum per 32 values.
    Q5_1,
    /// 8 bits, a scale per 32 values.
    Q8_0,
    /// 4 bits, a 6-bit scale and minimum per 32 values, in blocks of 256.
    Q4K,
    /// 5 bits, a 6-bit scale and minimum per 32 values, in blocks of 256.
    Q5K,
    /// 6 bits, an 8-bit scale per 16 values, in blocks of 256.
    Q6K,
}

impl TensorFormat {
    /// Every format.
    pub const ALL: [Self; 11] = [
        Self::F32,
        Self::F16,
        Self::BF16,
        Self::Q4_0,
        Self::Q4_1,
        Self::Q5_0,
        Self::Q5_1,
        Self::Q8_0,
        Self::Q4K,
        Self::Q5K,
        Self::Q6K,
    ];

    /// The format with this number in a GGUF file (`enum ggml_type` in `ggml.h`).
    pub(crate) fn from_ggml(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|f| f.ggml() == number)
    }

    fn ggml(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Q4_0 => 2,
            Self::Q4_1 => 3,
            Self::Q5_0 => 6,
            Self::Q5_1 => 7,
            Self::Q8_0 => 8,
            Self::Q4K => 12,
            Self::Q5K => 13,
            Self::Q6K => 14,
            Self::BF16 => 30,
        }
    }

    /// The name that the GGUF tools print.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::BF16 => "BF16",
            Self::Q4_0 => "Q4_0",
            Self::Q4_1 => "Q4_1",
            Self::Q5_0 => "Q5_0",
            Self::Q5_1 => "Q5_1",
            Self::Q8_0 => "Q8_0",
            Self::Q4K => "Q4_K",
            Self::Q5K => "Q5_K",
            Self::Q6K => "Q6_K",
        }
    }

    /// Values in a block.
    pub fn block_size(self) -> usize {
        match self {
            Self::F32 | Self::F16 | Self::BF16 => 1,
            Self::Q4_0 | Self::Q4_1 | Self::Q5_0 | Self::Q5_1 | Self::Q8_0 => 32,
            Self::Q4K | Self::Q5K | Self::Q6K => 256,
        }
    }

    /// Bytes of a block.
    pub fn block_bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::BF16 => 2,
            Self::Q4_0 => 18,
            Self::Q4_1 => 20,
            Self::Q5_0 => 22,
            Self::Q5_1 => 24,
            Self::Q8_0 => 34,
            Self::Q4K => 144,
            Self::Q5K => 176,
            Self::Q6K => 210,
        }
    }

    /// Bytes of a row of `columns` values; `None` if that is not a whole number of blocks.
    pub fn row_bytes(self, columns: usize) -> Option<usize> {
        if !columns.is_multiple_of(self.block_size()) {
            return None;
        }
        (columns / self.block_size()).checked_mul(self.block_bytes())
    }

    /// Turns whole blocks into the numbers that they stand for.
    ///
    /// # Panics
    /// If `bytes` is not a whole number of blocks, or `out` is not exactly as long as they are.
    pub fn dequantize(self, bytes: &[u8], out: &mut [f32]) {
        let blocks = bytes.len() / self.block_bytes();
        assert!(
            bytes.len() == blocks * self.block_bytes() && out.len() == blocks * self.block_size(),
            "{} bytes of {self} are not {} values",
            bytes.len(),
            out.len()
        );
        dequant::dequantize(self, bytes, out);
    }

    /// How many bits a value's code has, and how many values share an [`Affine`]; `None` for
    /// formats that hold numbers.
    pub fn codes(self) -> Option<(usize, usize)> {
        match self {
            Self::F32 | Self::F16 | Self::BF16 => None,
            Self::Q4_0 | Self::Q4_1 | Self::Q4K => Some((4, 32)),
            Self::Q5_0 | Self::Q5_1 | Self::Q5K => Some((5, 32)),
            Self::Q8_0 => Some((8, 32)),
            Self::Q6K => Some((6, 16)),
        }
    }

    /// Turns whole blocks into the code of each value, and appends to `groups` what the codes of
    /// each group stand for. It is all that the blocks say, so that an engine can lay it out as its
    /// own kernels want it.
    ///
    /// # Panics
    /// If the format has no [`codes`](Self::codes), `bytes` is not a whole number of blocks, or
    /// `codes` is not exactly as long as they are.
    pub fn unpack(self, bytes: &[u8], codes: &mut [u8], groups: &mut Vec<Affine>) {
        let blocks = bytes.len() / self.block_bytes();
        assert!(
            bytes.len() == blocks * self.block_bytes() && codes.len() == blocks * self.block_size(),
            "{} bytes of {self} are not {} values",
            bytes.len(),
            codes.len()
        );
        let has_codes = dequant::unpack(self, bytes, codes, groups);
        assert!(has_codes, "{self} has no codes");
    }
}

/// What the codes of a group of values stand for: `code · scale + minimum`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine {
    /// From one code to the next.
    pub scale: f32,
    /// What code 0 stands for.
    pub minimum: f32,
}

impl Affine {
    /// Code `zero` stands for 0.
    pub(crate) fn centred(scale: f32, zero: f32) -> Self {
        Self {
            scale,
            minimum: -zero * scale,
        }
    }
}

impl fmt::Display for TensorFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
