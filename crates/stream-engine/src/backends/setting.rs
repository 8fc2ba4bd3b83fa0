//! What an engine has of the settings that a configuration may ask for.

use super::BackendKind;
use crate::settings::Setting;
use crate::{Device, EngineError, StreamingConfig};

/// What the engine calls the value that is asked for; its default, where none is.
pub(super) fn chosen<T: Setting, U: Copy + Default>(
    backend: BackendKind,
    asked: Option<T>,
    has: &[(T, U)],
) -> Result<U, EngineError> {
    let Some(asked) = asked else {
        return Ok(U::default());
    };
    let found = has.iter().find(|(value, _)| *value == asked);
    let refused = || EngineError::UnsupportedSetting {
        backend,
        setting: T::NAME,
        value: asked.value(),
        has: has.iter().map(|(value, _)| value.value()).collect(),
    };
    found.map(|(_, own)| *own).ok_or_else(refused)
}

/// For a setting that the engine does not have at all.
pub(super) fn none<T: Setting>(backend: BackendKind, asked: Option<T>) -> Result<(), EngineError> {
    chosen(backend, asked, &[])
}

/// For an engine that computes on the processor alone.
pub(super) fn processor(backend: BackendKind, config: &StreamingConfig) -> Result<(), EngineError> {
    device(backend, config, &[Device::Cpu])
}

/// For an engine that has no choice of device: a remote one's is its server's.
pub(super) fn no_device(backend: BackendKind, config: &StreamingConfig) -> Result<(), EngineError> {
    device(backend, config, &[])
}

fn device(
    backend: BackendKind,
    config: &StreamingConfig,
    has: &[Device],
) -> Result<(), EngineError> {
    match config.device {
        Some(device) if !has.contains(&device) => Err(EngineError::UnsupportedSetting {
            backend,
            setting: "device",
            value: device.kind(),
            has: has.iter().map(|device| device.kind()).collect(),
        }),
        _ => Ok(()),
    }
}
