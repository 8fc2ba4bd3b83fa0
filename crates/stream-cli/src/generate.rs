//! `stream-engine generate`.

use std::io::{self, Read};
use std::process::ExitCode;

use stream_checkpoint::SamplingDefaults;
use stream_engine::StreamingEngine;
use stream_engine::core::{FinishReason, Request};

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
    // What is wrong with the parameters is known before the model is loaded.
    let grammar = args.grammar.read()?;
    let build = |recommended: &SamplingDefaults| {
        request::for_prompt(&args, prompt.clone(), grammar.clone(), recommended)
    };
    build(&SamplingDefaults::default())?;
    let engine = model::engine(&args.engine)?;
    let request = build(&engine.recommended_sampling()?)?;
    let stopped = match request.n() {
        1 => print_one(&engine, request, args.json)?,
        _ => print_all(&engine, request, args.json)?,
    };
    let mut code = ExitCode::SUCCESS;
    for stopped in stopped {
        let Stopped::Ended(end) = stopped else {
            return Ok(ExitCode::SUCCESS);
        };
        if args.stats {
            output::print_stats(&end);
        }
        if end.outcome? == FinishReason::Cancelled {
            code = INTERRUPTED.into();
        }
    }
    Ok(code)
}

fn print_one(
    engine: &StreamingEngine,
    request: Request,
    json: bool,
) -> Result<Vec<Stopped>, Failure> {
    let mut stream = engine.generate(request)?;
    let stdout = io::stdout().lock();
    let mut printer: Box<dyn Printer> = match json {
        true => Box::new(Json::new(stdout)),
        false => Box::new(Text::new(stdout)),
    };
    Ok(vec![output::print(&mut stream, printer.as_mut())?])
}

fn print_all(
    engine: &StreamingEngine,
    request: Request,
    json: bool,
) -> Result<Vec<Stopped>, Failure> {
    let choices = engine.generate_choices(request)?;
    let stdout = io::stdout().lock();
    match json {
        true => output::print_together(choices, stdout),
        false => output::print_in_turn(choices, stdout),
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
