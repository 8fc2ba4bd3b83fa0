//! What an engine has of the settings that a configuration may ask for.

use super::BackendKind;
use crate::EngineError;
use crate::settings::Setting;

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
