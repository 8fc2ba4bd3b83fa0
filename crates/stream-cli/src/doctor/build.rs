//! What this program was built from.

use serde::Serialize;
use stream_engine::BackendKind;

use super::features;

#[derive(Debug, Serialize)]
pub(crate) struct Build {
    pub(crate) version: &'static str,
    /// `release`, or `debug` for a build with debug assertions.
    pub(crate) profile: &'static str,
    pub(crate) system: &'static str,
    pub(crate) architecture: &'static str,
    pub(crate) backends: Vec<&'static str>,
    /// Instruction sets that the whole program was compiled for.
    pub(crate) instruction_sets: Vec<&'static str>,
}

pub(crate) fn look() -> Build {
    Build {
        version: env!("CARGO_PKG_VERSION"),
        profile: match cfg!(debug_assertions) {
            true => "debug",
            false => "release",
        },
        system: std::env::consts::OS,
        architecture: std::env::consts::ARCH,
        backends: BackendKind::compiled().map(BackendKind::name).collect(),
        instruction_sets: compiled(),
    }
}

fn compiled() -> Vec<&'static str> {
    let features = features::look().into_iter();
    features.filter(|f| f.compiled).map(|f| f.name).collect()
}
