//! Checks of every kernel on a device against its reference, in cases that are made up here.
//!
//! The same checks run in the emulator and on a GPU.

mod attention;
mod numbers;
mod parts;
mod rotary;
mod sample;

use std::fmt;

use crate::{Device, Kernel};

/// What a check found.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The kernel.
    pub kernel: Kernel,
    /// What was special about its input.
    pub case: String,
    /// The largest error, as a part of what is allowed: over 1 is too much. Choices are right (0)
    /// or wrong (infinite).
    pub error: f64,
    /// A digest of the bits of the result.
    pub digest: u64,
}

impl Finding {
    /// Whether the kernel computed what it should.
    pub fn is_right(&self) -> bool {
        // A NaN is not.
        self.error <= 1.0
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.is_right() { "right" } else { "WRONG" };
        let Self {
            kernel,
            case,
            error,
            ..
        } = self;
        write!(
            f,
            "{verdict}  {kernel}, {case}: {error:.3} of the error allowed"
        )
    }
}

/// Runs every check on a device.
///
/// # Errors
/// If the device fails; a kernel that computes something wrong is a finding.
pub fn all<D: Device>(device: &D) -> Result<Vec<Finding>, D::Error> {
    let mut findings = Vec::new();
    for group in Group::ALL {
        findings.extend(of(group, device)?);
    }
    Ok(findings)
}

/// As [`all`], of the kernels of one source.
///
/// # Errors
/// As [`all`].
pub fn of<D: Device>(group: Group, device: &D) -> Result<Vec<Finding>, D::Error> {
    match group {
        Group::Parts => parts::all(device),
        Group::Rotation => rotary::all(device),
        Group::Attention => attention::all(device),
        Group::Sampling => sample::all(device),
    }
}

/// Checks that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Embedding, norm and gate.
    Parts,
    /// Rotation.
    Rotation,
    /// Attention.
    Attention,
    /// Sampling.
    Sampling,
}

impl Group {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Parts, Self::Rotation, Self::Attention, Self::Sampling];
}
