//! libtorch.

use std::path::Path;

use backend_libtorch::{LibtorchModel, LibtorchOptions, LoadError, NoDevice};
use stream_runtime::EngineConfig;

use super::in_process::{checkpoint, failed, start};
use super::setting;
use super::{BackendKind, Opened, Opener};
use crate::{Batches, Device, EngineError, Precision, StreamingConfig};

pub(super) const OPENER: Option<Opener> = Some(Opener {
    check: |config| options(config).map(drop),
    open,
});

const PRECISIONS: [(Precision, backend_libtorch::Precision); 3] = [
    (Precision::Native, backend_libtorch::Precision::Native),
    (Precision::Bf16, backend_libtorch::Precision::Bf16),
    (Precision::F32, backend_libtorch::Precision::F32),
];

const BATCHES: [(Batches, backend_libtorch::Batches); 2] = [
    (Batches::Fastest, backend_libtorch::Batches::Fastest),
    (Batches::Invariant, backend_libtorch::Batches::Invariant),
];

fn options(config: &StreamingConfig) -> Result<LibtorchOptions, EngineError> {
    let backend = BackendKind::Libtorch;
    setting::none(backend, config.spinning)?;
    let device = config.device.unwrap_or_default();
    let options = LibtorchOptions {
        device: match device {
            Device::Cpu => backend_libtorch::Device::Cpu,
            Device::Cuda(ordinal) => backend_libtorch::Device::Cuda(ordinal),
        },
        threads: config.threads,
        kv_tokens: config.kv_tokens,
        precision: setting::chosen(backend, config.precision, &PRECISIONS)?,
        batches: setting::chosen(backend, config.batches, &BATCHES)?,
        ..LibtorchOptions::default()
    };
    let unusable = |error: NoDevice| no_device(device, &error);
    options.check_device().map_err(unusable)?;
    Ok(options)
}

fn no_device(device: Device, problem: &NoDevice) -> EngineError {
    EngineError::Device {
        backend: BackendKind::Libtorch,
        device,
        problem: problem.to_string().into(),
    }
}

fn open(path: &Path, config: &StreamingConfig) -> Result<Opened, EngineError> {
    let options = options(config)?;
    let checkpoint = checkpoint(path, config)?;
    let device = config.device.unwrap_or_default();
    let model = LibtorchModel::load(&checkpoint, &options).map_err(|error| match error {
        LoadError::Device(problem) => no_device(device, &problem),
        error => failed(error),
    })?;
    let name = BackendKind::Libtorch.name();
    let mut engine_config = EngineConfig::new(name, checkpoint.name(), model.device());
    engine_config.capabilities = model.capabilities();
    start(model, &checkpoint, engine_config, config)
}
