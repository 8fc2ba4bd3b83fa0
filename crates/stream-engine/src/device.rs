//! What an engine computes on.

use std::fmt;
use std::str::FromStr;

use crate::EngineError;

/// What an engine computes on. An engine that cannot is an error when it is opened: none computes
/// on another device than the one that was asked for.
///
/// ```
/// use stream_engine::Device;
///
/// assert_eq!("cuda:1".parse::<Device>()?, Device::Cuda(1));
/// # Ok::<(), stream_engine::EngineError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Device {
    /// The processor.
    #[default]
    Cpu,
    /// The NVIDIA GPU with this number, as CUDA counts them: libtorch, with the Cargo feature
    /// `cuda`. `cuda` without a number is the first.
    Cuda(usize),
}

impl Device {
    /// The name without a number.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda(_) => "cuda",
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(ordinal) => write!(f, "cuda:{ordinal}"),
        }
    }
}

impl FromStr for Device {
    type Err = EngineError;

    fn from_str(name: &str) -> Result<Self, EngineError> {
        let ordinal = match name {
            "cpu" => return Ok(Self::Cpu),
            "cuda" => Some(0),
            other => other.strip_prefix("cuda:").and_then(|n| n.parse().ok()),
        };
        ordinal
            .map(Self::Cuda)
            .ok_or_else(|| EngineError::UnknownValue {
                setting: "device",
                value: name.to_owned(),
                known: vec!["cpu", "cuda", "cuda:<number>"],
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written() {
        for (name, device) in [
            ("cpu", Device::Cpu),
            ("cuda:0", Device::Cuda(0)),
            ("cuda:12", Device::Cuda(12)),
        ] {
            assert_eq!(name.parse::<Device>().unwrap(), device);
            assert_eq!(device.to_string(), name);
        }
        assert_eq!("cuda".parse::<Device>().unwrap(), Device::Cuda(0));
        for name in ["", "gpu", "cuda:", "cuda:-1", "cuda:x", "CPU"] {
            let error = name.parse::<Device>().unwrap_err().to_string();
            let known = "known are cpu, cuda, cuda:<number>";
            assert_eq!(error, format!("there is no device `{name}`; {known}"));
        }
    }
}
