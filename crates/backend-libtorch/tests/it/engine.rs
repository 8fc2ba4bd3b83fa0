//! The engine under test, under names that its tests share with other engines'.

pub(crate) use backend_libtorch::{
    LibtorchModel as EngineModel, LibtorchOptions as Options, Precision,
};

pub(crate) const NAME: &str = "libtorch";
