//! `stream-engine doctor`.

pub(crate) mod build;
mod engines;
mod features;
mod hub;
pub(crate) mod machine;
mod stored;
mod text;

use std::process::ExitCode;

use serde::Serialize;

use crate::args::DoctorArgs;
use crate::failure::{Failure, MODEL_UNUSABLE};
use crate::output;

/// Everything that the doctor finds.
#[derive(Debug, Serialize)]
struct Report {
    build: build::Build,
    machine: machine::Machine,
    default_model: stored::Stored,
    hub: hub::Hub,
    backends: Vec<engines::Engine>,
}

impl Report {
    fn new(args: &DoctorArgs) -> Result<Self, Failure> {
        let default_model = stored::look()?;
        Ok(Self {
            build: build::look(),
            machine: machine::look(),
            hub: hub::look()?,
            backends: engines::try_each(&args.engine, &default_model)?,
            default_model,
        })
    }

    fn is_healthy(&self) -> bool {
        self.backends.iter().any(engines::Engine::works)
    }
}

pub(crate) fn run(args: &DoctorArgs) -> Result<ExitCode, Failure> {
    let report = Report::new(args)?;
    let shown = match args.json {
        true => format!(
            "{}\n",
            serde_json::to_string_pretty(&report).map_err(std::io::Error::from)?
        ),
        false => text::shown(&report),
    };
    output::write_whole(shown.as_bytes())?;
    match report.is_healthy() {
        true => Ok(ExitCode::SUCCESS),
        false => Ok(MODEL_UNUSABLE.into()),
    }
}
