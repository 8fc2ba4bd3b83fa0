//! The commands of this repository. `cargo xtask` lists them.

mod cache;
mod ci;
mod clients;
mod demo;
mod deny;
mod fuzz;
mod gpu;
mod loom;
mod peers;
mod setup;
mod shell;
mod synth;
mod test;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};

const HELP: &str = "\
Usage: cargo xtask COMMAND

  demo           fetch the default model, build, and stream a story to the terminal
  setup …        fetch the libraries that engines need: setup --help
  test           fetch the default model and the libraries, and run every test, doctest and example
  test --full    the same, and the tests four times over, with more cases for property tests
  fuzz …         give files, requests and streams inputs that nobody would think of
  kernels        compile the CUDA kernels with NVRTC, which needs no GPU
  gpu-test …     run every CUDA kernel on a GPU against its reference: gpu-test --help
  loom           check the channel between sink and stream in every order of its threads
  ci             the whole gate: format, clippy, docs, cargo-deny, test, loom, fuzz
  clients …      try our server with clients of OpenAI's API, and the chat page: clients --help
  peers …        install what people use today, and measure it next to our engines: peers --help
  synth …        write a model with random weights, in the shape of a real one
  help           show this";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the repository.
fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_owned()
}

fn run(arguments: &[String]) -> Result<()> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["demo"] => demo::run(),
        ["setup", "--help" | "-h"] => {
            println!("{}", setup::HELP);
            Ok(())
        }
        ["setup", ref words @ ..] => setup::run(words),
        ["test"] => test::run(test::Effort::Ordinary),
        ["test", "--full"] => test::run(test::Effort::Full),
        ["fuzz", "--help" | "-h"] => {
            println!("{}", fuzz::HELP);
            Ok(())
        }
        ["fuzz", ref words @ ..] => fuzz::run(&fuzz::Options::parse(words)?),
        ["kernels"] => gpu::kernels::run(),
        ["gpu-test", "--help" | "-h"] => {
            println!("{}", gpu::test::HELP);
            Ok(())
        }
        ["gpu-test", ref words @ ..] => gpu::test::run(&gpu::test::Options::parse(words)?),
        ["loom"] => loom::run(),
        ["ci"] => ci::run(),
        ["clients", "--help" | "-h"] => {
            println!("{}", clients::HELP);
            Ok(())
        }
        ["clients", ref words @ ..] => clients::run(&clients::Options::parse(words)?),
        ["peers", "--help" | "-h"] => {
            println!("{}", peers::HELP);
            Ok(())
        }
        ["peers", ref words @ ..] => peers::run(&peers::Options::parse(words)?),
        ["synth", "--help" | "-h"] => {
            println!("{}", synth::HELP);
            Ok(())
        }
        ["synth", ref words @ ..] => synth::run(&synth::Options::parse(words)?),
        [] | ["help" | "--help" | "-h"] | [_, "--help" | "-h"] => {
            println!("{HELP}");
            Ok(())
        }
        _ => bail!("there is no command `{}`\n\n{HELP}", arguments.join(" ")),
    }
}
