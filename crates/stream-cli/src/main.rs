//! The program `stream-engine`: a language model's tokens on your terminal.

mod args;
mod bench;
mod chat;
mod doctor;
mod failure;
mod fetch;
mod generate;
mod interrupt;
mod model;
mod named;
mod openmp;
mod output;
mod parity;
mod pull;
mod request;
mod serve;
mod subject;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use args::{Cli, Command};
use failure::Failure;

fn main() -> ExitCode {
    openmp::wait_passively();
    run(Cli::parse()).unwrap_or_else(|failure| failure.report())
}

fn run(cli: Cli) -> Result<ExitCode, Failure> {
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr);
    log.with_max_level(cli.log).without_time().init();
    match cli.command {
        Command::Generate(args) => generate::run(args),
        Command::Chat(args) => chat::run(args),
        Command::Serve(args) => serve::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Pull(args) => pull::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Parity(args) => parity::run(&args),
        Command::BenchWorker(args) => bench::run_worker(&args),
        Command::Completions { shell } => completions(shell),
    }
}

fn completions(shell: clap_complete::Shell) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "stream-engine", &mut script);
    output::write_whole(&script)
}
