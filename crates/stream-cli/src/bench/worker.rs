//! `stream-engine bench-worker`: one engine, in a process of its own, for a bench that asks it.

use std::io;
use std::process::ExitCode;

use stream_bench::worker;
use stream_engine::StreamingConfig;
use stream_engine::core::Backend;

use crate::args::EngineArgs;
use crate::failure::{Failure, MODEL_UNUSABLE};
use crate::model;

pub(crate) fn run(args: &EngineArgs) -> Result<ExitCode, Failure> {
    let stdout = io::stdout();
    match open(args) {
        Ok(backend) => {
            worker::serve(
                &*backend,
                env!("CARGO_PKG_VERSION"),
                io::stdin().lock(),
                stdout,
            )?;
            Ok(ExitCode::SUCCESS)
        }
        Err(failure) => {
            worker::refuse(failure.message(), stdout)?;
            Ok(MODEL_UNUSABLE.into())
        }
    }
}

fn open(args: &EngineArgs) -> Result<std::sync::Arc<dyn Backend>, Failure> {
    let config: StreamingConfig = model::config(args)?;
    Ok(stream_engine::open(&model::located(config, args)?)?)
}
