//! `stream-engine bench`.

mod circumstances;
mod contenders;
mod model;
mod outputs;
mod progress;
mod worker;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use stream_bench::workload::{Dataset, Source, Trace};
use stream_bench::{Goal, Lengths, Load, Measured, Meter, Plan, Report, Workload, bench};
use stream_engine::EngineError;

use crate::args::BenchArgs;
use crate::failure::Failure;
use crate::interrupt;

use model::BenchModel;
use outputs::Outputs;
use progress::Bar;

pub(crate) use worker::run as run_worker;

/// Tokens of an answer, where neither the command line nor a file says.
const OUTPUT: usize = 64;

pub(crate) fn run(args: &BenchArgs) -> Result<ExitCode, Failure> {
    interrupt::install();
    // What is wrong with the command line is known before a model is fetched.
    let chosen = contenders::chosen(args)?;
    let goal = Goal::parse(&args.goodput).map_err(|error| Failure::input(error.to_string()))?;
    let plan = plan(args, goal);
    let outputs = Outputs::new(args)?;
    let path = crate::model::locate(args.model.as_deref())?;
    let subject = BenchModel::open(&path)?;
    let mut workload = workload(args, &subject)?;
    let meter = Meter::find();
    let mut about = circumstances::about(args, subject.model, &meter);
    let entries = contenders::entries(chosen, args, &path)?;
    let mut bar = Bar::new();
    let measured = bench::run(&plan, &mut workload, entries, &meter, &mut bar);
    bar.clear();
    about.load_average[1] = circumstances::load_average();
    if measured.runs.is_empty() {
        return Err(nothing(&measured));
    }
    outputs.write(&Report {
        about,
        plan,
        measured,
    })
}

fn plan(args: &BenchArgs, goal: Goal) -> Plan {
    Plan {
        loads: loads(args),
        rounds: args.repeat.into(),
        warm_up: args.warmup.into(),
        num_prompts: args.prompts.num_prompts.map(|count| count as usize),
        timeout: Duration::from_secs(args.timeout.into()),
        goal,
    }
}

fn loads(args: &BenchArgs) -> Vec<Load> {
    if args.prompts.trace.is_some() {
        return vec![Load::Trace];
    }
    let closed = args.load.concurrency.iter().map(|&clients| Load::Closed {
        concurrency: clients as usize,
    });
    let open = args.load.rate.iter().map(|&rate| Load::Open { rate });
    let loads: Vec<_> = closed.chain(open).collect();
    match loads.is_empty() {
        true => vec![Load::Closed { concurrency: 1 }],
        false => loads,
    }
}

fn workload(args: &BenchArgs, subject: &BenchModel) -> Result<Workload, Failure> {
    let (source, output) = (source(args, subject)?, output(args));
    let vocabulary = subject.vocabulary.clone();
    let workload = Workload::new(vocabulary, source, output, args.seed);
    workload.map_err(|problem| Failure::input(problem.to_string()))
}

fn source(args: &BenchArgs, subject: &BenchModel) -> Result<Source, Failure> {
    let unusable = |error: stream_bench::workload::WorkloadError| Failure::input(error.to_string());
    let prompts = &args.prompts;
    let mut source = match (&prompts.dataset, &prompts.trace) {
        (Some(path), _) => {
            Source::Dataset(Dataset::read(path, &*subject.tokenizer).map_err(unusable)?)
        }
        (_, Some(path)) => Source::Trace(Trace::read(path).map_err(unusable)?),
        _ => Source::Synthetic {
            prompt: prompts.prompt_tokens.clone(),
            shared_prefix: prompts.shared_prefix,
        },
    };
    if prompts.max_tokens.is_some() {
        source.forget_output_tokens();
    }
    Ok(source)
}

fn output(args: &BenchArgs) -> Lengths {
    let asked = args.prompts.max_tokens.clone();
    asked.unwrap_or_else(|| Lengths::fixed(OUTPUT))
}

/// Why nothing could be measured.
fn nothing(measured: &Measured) -> Failure {
    let reasons = measured.entrants.iter().map(|entrant| {
        let why = entrant.failure.as_deref().unwrap_or("it answered nothing");
        format!("{}: {why}", entrant.label)
    });
    let reasons: Vec<_> = reasons.collect();
    let sentence = format!("nothing could be measured: {}", reasons.join("; "));
    EngineError::Load(sentence.into()).into()
}

/// A file's name without its folder.
fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}
