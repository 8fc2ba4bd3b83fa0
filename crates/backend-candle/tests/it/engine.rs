//! The engine under test, under names that its tests share with other engines'.

pub(crate) use backend_candle::{CandleModel as EngineModel, CandleOptions as Options, Precision};

pub(crate) const NAME: &str = "candle";
