//! Kernels by name, and what it takes to start one.

use std::fmt;

use crate::{Arguments, Heads};

/// A kind of number in which keys, values and the inputs of products are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Number {
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary16.
    F16,
    /// The upper half of a binary32.
    Bf16,
}

impl Number {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::F32, Self::F16, Self::Bf16];

    /// The bytes of one.
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
        })
    }
}

/// Which kernel. What it displays is its name in the compiled module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// [`Embed`](crate::Embed).
    Embed(Number),
    /// [`RmsNorm`](crate::RmsNorm).
    RmsNorm(Number),
    /// [`SwiGlu`](crate::SwiGlu).
    SwiGlu(Number),
    /// [`Rotary`](crate::Rotary).
    Rotary(Number),
    /// [`Attention`](crate::Attention), for runs of few queries or of many.
    Attention {
        /// Of keys, values and the result.
        number: Number,
        /// Width of a head.
        head_dim: u32,
        /// Whether a run may have more queries than a decoding row has.
        many: bool,
    },
    /// The second half of [`Attention`](crate::Attention).
    Combine(Number),
    /// [`Sample`](crate::Sample).
    Sample,
}

impl Kernel {
    /// Every kernel that there is.
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self::Sample];
        for number in Number::ALL {
            all.extend([
                Self::Embed(number),
                Self::RmsNorm(number),
                Self::SwiGlu(number),
                Self::Rotary(number),
                Self::Combine(number),
            ]);
            for head_dim in Heads::WIDTHS {
                all.extend([false, true].map(|many| Self::Attention {
                    number,
                    head_dim,
                    many,
                }));
            }
        }
        all
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Embed(number) => write!(f, "embed_{number}"),
            Self::RmsNorm(number) => write!(f, "rms_norm_{number}"),
            Self::SwiGlu(number) => write!(f, "swiglu_{number}"),
            Self::Rotary(number) => write!(f, "rotary_{number}"),
            Self::Attention {
                number,
                head_dim,
                many,
            } => {
                let queries = if many { "many" } else { "few" };
                write!(f, "attention_{queries}_{head_dim}_{number}")
            }
            Self::Combine(number) => write!(f, "combine_{number}"),
            Self::Sample => f.write_str("sample"),
        }
    }
}

/// Everything that starts a kernel, as plain data: whoever runs it needs no knowledge of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Launch {
    /// The kernel.
    pub kernel: Kernel,
    /// Blocks of threads in each direction.
    pub grid: [u32; 3],
    /// Threads of a block, a multiple of 32.
    pub threads: u32,
    /// The one argument.
    pub arguments: Arguments,
}
