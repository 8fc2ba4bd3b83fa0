//! How an engine computes, on the command line.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use stream_engine::{Batches, Device, Precision, Spinning, StreamingConfig};

/// What not every engine has.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct SettingArgs {
    /// What computes: cpu, cuda (the first GPU) or cuda:1; left out, the processor. libtorch has
    /// GPUs, with the feature cuda and STREAM_ENGINE_LIBTORCH_CUDA naming the folder torch/lib of
    /// PyTorch 2.11.0. What is missing is an error, never another device
    #[arg(long, value_name = "DEVICE")]
    device: Option<Device>,
    /// In what numbers the engine multiplies; left out, native. candle has native and f32, libtorch
    /// native, bf16 and f32, onnx native (accuracy level 4), exact (level 1) and f32
    #[arg(long, value_name = "NAME", value_parser = names(Precision::ALL, Precision::name))]
    pub(crate) precision: Option<Precision>,
    /// Whether threads wait for work by spinning: off is steadier on a busy machine. onnx has it
    #[arg(long, value_name = "WHEN", value_parser = names(Spinning::ALL, Spinning::name))]
    spinning: Option<Spinning>,
    /// Whether a stream's tokens may differ with what else is computed beside it: libtorch has both,
    /// candle is always invariant, onnx always fastest
    #[arg(long, value_name = "HOW", value_parser = names(Batches::ALL, Batches::name))]
    batches: Option<Batches>,
}

impl SettingArgs {
    /// The configuration with these settings.
    pub(crate) fn apply(&self, mut config: StreamingConfig) -> StreamingConfig {
        if let Some(device) = self.device {
            config = config.device(device);
        }
        if let Some(precision) = self.precision {
            config = config.precision(precision);
        }
        if let Some(spinning) = self.spinning {
            config = config.spinning(spinning);
        }
        if let Some(batches) = self.batches {
            config = config.batches(batches);
        }
        config
    }

    /// The same with a precision that stands in place of theirs.
    pub(crate) fn with_precision(&self, precision: Option<Precision>) -> Self {
        Self {
            precision: precision.or(self.precision),
            ..self.clone()
        }
    }

    /// The arguments that say the same.
    pub(crate) fn arguments(&self) -> impl Iterator<Item = String> {
        let device = self
            .device
            .map(|device| ["--device".to_owned(), device.to_string()]);
        let given = [
            self.precision.map(|value| ["--precision", value.name()]),
            self.spinning.map(|value| ["--spinning", value.name()]),
            self.batches.map(|value| ["--batches", value.name()]),
        ];
        let given = given.into_iter().flatten().flatten().map(str::to_owned);
        device.into_iter().flatten().chain(given)
    }
}

fn names<T: std::str::FromStr + Copy + Send + Sync + 'static>(
    all: &'static [T],
    name: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    PossibleValuesParser::new(all.iter().map(move |value| name(*value)))
        .try_map(|name| name.parse())
}
