//! `stream-engine generate`.

use std::io::{self, Read};
use std::process::ExitCode;

use stream_engine::core::FinishReason;

use crate::args::GenerateArgs;
use crate::failure::{Failure, INTERRUPTED};
use crate::output::{self, Json, Printer, Stopped, Text};
use crate::{interrupt, model, request};

pub(crate) fn run(args: GenerateArgs) -> Result<ExitCode, Failure> {
    interrupt::install();
    let prompt = match args.prompt.as_str() {
        "-" => from_stdin()?,
        text => text.to_owned(),
    };
    let request = request::for_prompt(&args, prompt)?;
    let engine = model::engine(&args.engine)?;
    let mut stream = engine.generate(request)?;
    let stdout = io::stdout().lock();
    let mut printer: Box<dyn Printer> = match args.json {
        true => Box::new(Json::new(stdout)),
        false => Box::new(Text::new(stdout)),
    };
    match output::print(&mut stream, printer.as_mut())? {
        Stopped::ReaderGone => Ok(ExitCode::SUCCESS),
        Stopped::Ended(end) => {
            if args.stats {
                output::print_stats(&end);
            }
            Ok(exit_code(&end.outcome?))
        }
    }
}

fn exit_code(reason: &FinishReason) -> ExitCode {
    match reason {
        FinishReason::Cancelled => INTERRUPTED.into(),
        _ => ExitCode::SUCCESS,
    }
}

/// All of stdin, without the line break at its end.
fn from_stdin() -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = io::stdin().lock().read_to_end(&mut bytes);
    read.map_err(|e| Failure::input(format!("the prompt cannot be read from stdin: {e}")))?;
    let mut text = String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        Failure::input(format!("the prompt on stdin is not UTF-8 at byte {at}"))
    })?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}
