//! Who takes part: engines of this program, each in a process of its own, and other programs.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use stream_bench::{Contender, ContenderError, Entry, Process};
use stream_engine::{BackendKind, EngineError};

use crate::args::BenchArgs;
use crate::failure::Failure;
use crate::named::Named;

/// The subcommand by which this program calls itself for each engine.
pub(crate) const WORKER: &str = "bench-worker";

/// Someone who was chosen to take part.
#[derive(Debug)]
pub(super) struct Chosen {
    label: String,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Engine(Named, Option<u16>),
    /// A remote engine, with the addresses of its servers.
    Remote(BackendKind, Vec<String>),
    /// A command, cut at spaces.
    Program(String),
}

/// Everyone who was chosen, with names that differ.
pub(super) fn chosen(args: &BenchArgs) -> Result<Vec<Chosen>, EngineError> {
    let mut chosen = engines(args)?;
    let programs = args.contender.iter().map(|(name, command)| Chosen {
        label: name.clone(),
        kind: Kind::Program(command.clone()),
    });
    chosen.extend(programs);
    distinguish(&mut chosen);
    Ok(chosen)
}

fn engines(args: &BenchArgs) -> Result<Vec<Chosen>, EngineError> {
    let here = BackendKind::compiled().filter(|kind| !kind.is_remote() || !args.url.is_empty());
    let named = Named::all(&args.backends, &args.settings, here)?;
    let several = args.threads.len() > 1;
    let label = |name: &str, threads: Option<u16>| match threads {
        Some(threads) if several => format!("{name} t={threads}"),
        _ => name.to_owned(),
    };
    let mut threads: Vec<_> = args.threads.iter().copied().map(Some).collect();
    if threads.is_empty() {
        threads.push(None);
    }
    let pairs = named.iter().flat_map(|named| {
        let remote = named.kind.is_remote();
        // A remote engine has the threads that it has.
        let threads = threads.iter().take(if remote { 1 } else { usize::MAX });
        threads.map(move |t| (named, t.filter(|_| !remote)))
    });
    let engines = pairs.map(|(named, threads)| Chosen {
        label: label(&named.label, threads),
        kind: match named.kind.is_remote() {
            true => Kind::Remote(named.kind, args.url.clone()),
            false => Kind::Engine(named.clone(), threads),
        },
    });
    Ok(engines.collect())
}

/// Numbers those that have the name of one before them.
fn distinguish(chosen: &mut [Chosen]) {
    for i in 1..chosen.len() {
        let (before, rest) = chosen.split_at_mut(i);
        let plain = rest[0].label.clone();
        let mut number = 2;
        while before.iter().any(|other| other.label == rest[0].label) {
            rest[0].label = format!("{plain} #{number}");
            number += 1;
        }
    }
}

/// The same, ready to be started on the model at `path`.
pub(super) fn entries(
    chosen: Vec<Chosen>,
    args: &BenchArgs,
    path: &Path,
) -> Result<Vec<Entry>, Failure> {
    let this = std::env::current_exe();
    let this =
        this.map_err(|e| Failure::input(format!("the program does not find itself: {e}")))?;
    let entry = |chosen: Chosen| {
        let (backend, threads, command) = match chosen.kind {
            Kind::Engine(named, threads) => {
                let arguments = worker_arguments(&named, threads, args.speculative_tokens, path);
                let mut command = Command::new(&this);
                command.args(arguments);
                (named.kind.to_string(), threads.map(usize::from), command)
            }
            Kind::Remote(kind, urls) => {
                let mut command = Command::new(&this);
                command.args([WORKER, "--backend", kind.name()]);
                command.args(urls.iter().flat_map(|url| ["--url", url]));
                (kind.to_string(), None, command)
            }
            Kind::Program(text) => (chosen.label.clone(), None, words(&text)),
        };
        Entry {
            label: chosen.label,
            backend,
            threads,
            start: Box::new(move || start(command)),
        }
    };
    Ok(chosen.into_iter().map(entry).collect())
}

fn start(mut command: Command) -> Result<Box<dyn Contender>, ContenderError> {
    Ok(Box::new(Process::start(&mut command)?))
}

fn worker_arguments(
    named: &Named,
    threads: Option<u16>,
    speculative_tokens: Option<u8>,
    path: &Path,
) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec![
        WORKER.into(),
        "--backend".into(),
        named.kind.name().into(),
        "--model".into(),
        path.into(),
    ];
    arguments.extend(named.settings.arguments().map(OsString::from));
    let mut number = |name: &str, value: Option<u16>| {
        let value = value.map(|value| [name.into(), value.to_string().into()]);
        arguments.extend(value.into_iter().flatten());
    };
    number("--threads", threads);
    number("--speculative-tokens", speculative_tokens.map(u16::from));
    arguments
}

fn words(text: &str) -> Command {
    let mut words = text.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words);
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Command as Subcommand};
    use clap::Parser;

    fn labels(arguments: &[&str]) -> Vec<String> {
        let cli = Cli::parse_from([&["stream-engine", "bench"], arguments].concat());
        let Subcommand::Bench(args) = cli.command else {
            panic!("it is the bench");
        };
        let chosen = chosen(&args).unwrap();
        chosen.into_iter().map(|chosen| chosen.label).collect()
    }

    #[test]
    fn everyone_has_a_name_of_their_own() {
        let twice = ["--backends", "candle,candle", "--contender", "candle=x y"];
        assert_eq!(labels(&twice), ["candle", "candle #2", "candle #3"]);
        let threads = ["--backends", "candle", "--threads", "1,2"];
        assert_eq!(labels(&threads), ["candle t=1", "candle t=2"]);
        let here = BackendKind::compiled().filter(|kind| !kind.is_remote());
        assert_eq!(labels(&["--threads", "2"]).len(), here.count());
        let remote = [
            "--backends",
            "vllm,candle",
            "--threads",
            "1,2",
            "--url",
            "http://a",
        ];
        assert_eq!(labels(&remote), ["vllm", "candle t=1", "candle t=2"]);
        let precise = ["--backends", "candle,candle:f32"];
        assert_eq!(labels(&precise), ["candle", "candle:f32"]);
    }
}
