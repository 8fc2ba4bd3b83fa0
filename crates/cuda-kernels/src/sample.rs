//! Choosing tokens on the device.

use stream_core::{SamplerStage, Sampling};
use stream_runtime::{Choice, Chosen, Next};

use crate::{Arguments, DevicePointer, Kernel, Launch};

/// Chooses a token for each task from rows of logits, as stream-runtime's
/// [`Sampler`](stream_runtime::sample::Sampler) does: the same weights, the same draw. Sums of
/// weights are rounded otherwise, to multiples of 2⁻⁴³ of the largest weight.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// `[rows, width]` of `f32`.
    pub logits: DevicePointer,
    /// [`SampleTask`]s.
    pub tasks: DevicePointer,
    /// An [`Outcome`] for each task.
    pub outcomes: DevicePointer,
    /// Width of the logits, at most 2²⁰.
    pub width: u32,
}

impl Sample {
    /// For so many tasks.
    pub fn launch(&self, tasks: u32) -> Launch {
        /// Many, because a row of logits is one block's work; few enough for the registers.
        const THREADS: u32 = 512;
        let pointers = [self.logits, self.tasks, self.outcomes];
        Launch {
            kernel: Kernel::Sample,
            grid: [tasks, 1, 1],
            threads: THREADS,
            arguments: Arguments::new(pointers).integer(self.width),
        }
    }
}

/// What the device is to choose.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SampleTask {
    seed: u64,
    position: u64,
    choice: u32,
    row: i32,
    usable: u32,
    top_k: u32,
    scale: f32,
    top_p: f32,
    min_p: f32,
}

impl SampleTask {
    /// Bytes of one task.
    pub const BYTES: usize = 48;

    /// Nothing: it fills up a batch.
    pub const NONE: Self = Self {
        seed: 0,
        position: 0,
        choice: 0,
        row: -1,
        usable: 0,
        top_k: 0,
        scale: 0.0,
        top_p: 1.0,
        min_p: 0.0,
    };

    /// A choice from a row of logits. `None` if it needs more than temperature, top-k, top-p and
    /// min-p in this order: a grammar's mask, banned ids, biases, penalties, other stages,
    /// mirostat or log-probabilities. Such a row is the host's.
    pub fn new(choice: &Choice<'_>, row: u32) -> Option<Self> {
        if !is_simple(choice) {
            return None;
        }
        let sampling = choice.sampling;
        let scale = match sampling.is_greedy() {
            true => 0.0,
            false => 1.0 / sampling.temperature(),
        };
        Some(Self {
            seed: choice.key.seed,
            position: choice.key.position,
            choice: choice.key.choice,
            row: i32::try_from(row).ok()?,
            usable: u32::try_from(choice.usable)
                .unwrap_or(i32::MAX as u32)
                .min(i32::MAX as u32),
            top_k: sampling.top_k().unwrap_or(0),
            scale,
            top_p: sampling.top_p(),
            min_p: sampling.min_p(),
        })
    }

    /// As the device reads it.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let wide = [self.seed, self.position].map(u64::to_ne_bytes);
        let numbers = [
            self.choice,
            self.row.cast_unsigned(),
            self.usable,
            self.top_k,
            self.scale.to_bits(),
            self.top_p.to_bits(),
            self.min_p.to_bits(),
            0,
        ];
        let mut bytes = [0; Self::BYTES];
        let (first, second) = bytes.split_at_mut(16);
        first.copy_from_slice(wide.as_flattened());
        second.copy_from_slice(numbers.map(u32::to_ne_bytes).as_flattened());
        bytes
    }
}

fn is_simple(choice: &Choice<'_>) -> bool {
    let sampling = choice.sampling;
    let alone = choice.mask.is_none() && choice.banned.is_empty() && choice.logprobs.is_none();
    alone
        && sampling.logit_bias().is_empty()
        && sampling.mirostat().is_none()
        && stages_are_simple(sampling)
}

fn stages_are_simple(sampling: &Sampling) -> bool {
    const SIMPLE: [SamplerStage; 4] = [
        SamplerStage::Temperature,
        SamplerStage::TopK,
        SamplerStage::TopP,
        SamplerStage::MinP,
    ];
    let mut left = SIMPLE.iter();
    let mut stages = sampling.active_stages();
    stages.all(|stage| left.any(|&simple| simple == stage))
}

/// What the device gives back for a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// The token, or a negative number where there is no distribution.
    pub id: i32,
    /// Logits that were NaN.
    pub nan_logits: i32,
}

impl Outcome {
    /// Bytes of one outcome.
    pub const BYTES: usize = 8;

    /// As the device wrote it.
    pub fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        let [a, b, c, d, e, f, g, h] = bytes;
        Self {
            id: i32::from_ne_bytes([a, b, c, d]),
            nan_logits: i32::from_ne_bytes([e, f, g, h]),
        }
    }

    /// In the runtime's words.
    pub fn next(self) -> Next {
        match u32::try_from(self.id) {
            Ok(id) => Next::Token(Chosen {
                nan_logits: self.nan_logits.unsigned_abs(),
                ..Chosen::from(id)
            }),
            Err(_) => Next::NoFiniteLogit,
        }
    }
}
