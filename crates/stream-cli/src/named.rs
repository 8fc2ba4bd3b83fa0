//! An engine as `--backends` names it: `onnx`, or `onnx:exact` with its precision.

use stream_engine::{BackendKind, EngineError, Precision, StreamingConfig};

use crate::args::SettingArgs;

/// An engine, with how it computes.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    pub(crate) kind: BackendKind,
    pub(crate) settings: SettingArgs,
    /// As it was named.
    pub(crate) label: String,
}

impl Named {
    /// Understands a name. `settings` hold where it says nothing else; whether the engine is
    /// compiled in and has them is found now, before a model is fetched for it.
    pub(crate) fn parse(name: &str, settings: &SettingArgs) -> Result<Self, EngineError> {
        let (kind, precision) = match name.split_once(':') {
            Some((kind, precision)) => (kind, Some(precision.parse::<Precision>()?)),
            None => (name, None),
        };
        let named = Self {
            kind: kind.parse()?,
            settings: settings.with_precision(precision),
            label: name.to_owned(),
        };
        stream_engine::check(&named.config())?;
        Ok(named)
    }

    /// All that were named; every one that `left_out` gives, where none was.
    pub(crate) fn all(
        names: &[String],
        settings: &SettingArgs,
        left_out: impl Iterator<Item = BackendKind>,
    ) -> Result<Vec<Self>, EngineError> {
        let parse = |name: &str| Self::parse(name, settings);
        match names.is_empty() {
            true => left_out.map(|kind| parse(kind.name())).collect(),
            false => names.iter().map(|name| parse(name)).collect(),
        }
    }

    /// Its configuration, without a model.
    pub(crate) fn config(&self) -> StreamingConfig {
        self.settings
            .apply(StreamingConfig::default().backend(self.kind))
    }
}
