//! What this machine has.

use serde::Serialize;
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

use super::features;

#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) cpu: Option<String>,
    /// Logical processors that this process may use.
    pub(crate) logical_cpus: usize,
    pub(crate) physical_cores: Option<usize>,
    pub(crate) instruction_sets: Vec<&'static str>,
    pub(crate) memory: Option<Memory>,
    pub(crate) gpus: Gpus,
}

/// The NVIDIA GPUs that the driver has, by their numbers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Gpus {
    Found(Vec<String>),
    None(String),
}

#[derive(Debug, Serialize)]
pub(crate) struct Memory {
    pub(crate) total_bytes: u64,
    pub(crate) available_bytes: u64,
}

/// What the system does not tell is left open.
pub(crate) fn look() -> Machine {
    let wanted = RefreshKind::nothing()
        .with_cpu(CpuRefreshKind::nothing())
        .with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(wanted).ok();
    Machine {
        cpu: system.as_ref().and_then(brand),
        logical_cpus: std::thread::available_parallelism().map_or(1, usize::from),
        physical_cores: System::physical_core_count().ok(),
        instruction_sets: detected(),
        gpus: gpus(),
        memory: system.map(|system| Memory {
            total_bytes: system.total_memory(),
            available_bytes: system.available_memory(),
        }),
    }
}

fn gpus() -> Gpus {
    match nvidia_driver::gpus() {
        Ok(gpus) => Gpus::Found(gpus.into_iter().map(|gpu| gpu.name).collect()),
        Err(why) => Gpus::None(why.to_string()),
    }
}

fn brand(system: &System) -> Option<String> {
    let brand = system.cpus().first()?.brand().trim();
    (!brand.is_empty()).then(|| brand.to_owned())
}

fn detected() -> Vec<&'static str> {
    let features = features::look().into_iter();
    features.filter(|f| f.detected).map(|f| f.name).collect()
}
