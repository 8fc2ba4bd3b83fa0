//! The engine under test, under names that its tests share with other engines'.

pub(crate) use backend_onnx::{OnnxModel as EngineModel, OnnxOptions as Options, Precision};
