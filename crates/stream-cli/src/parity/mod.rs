//! `stream-engine parity`: whether engines compute the same.
//!
//! Two comparisons, both through what every engine has, so that a new one needs nothing here.
//! *Greedy*: each engine answers the same prompts with its most probable tokens. *Teacher-forced*:
//! each engine is given the same texts, the first engine's answers, and tells how probable every token
//! of them is; so one early difference does not hide the rest.

mod answers;
mod compare;
mod prompts;
mod report;

use std::process::ExitCode;

use stream_engine::core::TokenId;
use stream_engine::{BackendKind, EngineError};

use crate::args::ParityArgs;
use crate::failure::Failure;
use crate::named::Named;
use crate::subject::Subject;
use crate::{interrupt, model, output};
use answers::Answers;
use report::{Report, Tolerance};

/// The exit code when engines do not agree.
const DIFFERENT: u8 = 5;

pub(crate) fn run(args: &ParityArgs) -> Result<ExitCode, Failure> {
    interrupt::install();
    let (first, others) = named(args)?;
    let path = model::locate(args.model.as_deref())?;
    let subject = Subject::open(&path)?;
    let prompts = prompts::ids(&**subject.tokenizer());
    let prompts = prompts.map_err(|error| EngineError::Load(error.to_string().into()))?;
    let ask = |named: &Named, texts: Option<&[Vec<TokenId>]>| {
        let mut config = named.config().model(&path);
        if let Some(threads) = args.threads {
            config = config.threads(threads.into());
        }
        let backend = stream_engine::open(&config)?;
        let answers = Answers::of(&*backend, &prompts, texts, args.max_tokens.into())?;
        Ok(Answers {
            engine: named.label.clone(),
            ..answers
        })
    };
    let first = ask(&first, None)?;
    let others = others.iter().map(|other| ask(other, Some(&first.texts)));
    let others = others.collect::<Result<Vec<_>, Failure>>()?;
    let tolerance = Tolerance {
        min_agreement_percent: args.min_agreement,
        max_mean_difference: args.max_mean_difference,
    };
    let report = Report::new(subject.name(), &first, &others, tolerance);
    let shown = match args.json {
        true => report.to_json().map_err(std::io::Error::from)?,
        false => report.to_text(),
    };
    output::write_whole(shown.as_bytes())?;
    match report.agrees {
        true => Ok(ExitCode::SUCCESS),
        false => Ok(DIFFERENT.into()),
    }
}

/// The engines that were named, or all that work here: the first, and those to compare with it.
fn named(args: &ParityArgs) -> Result<(Named, Vec<Named>), Failure> {
    let here = BackendKind::compiled().filter(|kind| !kind.is_remote());
    let mut named = Named::all(&args.backends, &args.settings, here)?;
    match named.len() {
        0 | 1 => Err(Failure::input(
            "parity needs two engines to compare: --backends A,B",
        )),
        _ => Ok((named.remove(0), named)),
    }
}
