//! The command line of `parity`.

use std::ffi::OsString;

use clap::{Args, value_parser};

use super::{MODEL_HELP, SettingArgs};

const EXIT_CODES: &str = "\
Exit codes:
  0    the engines agree within the tolerance
  1    anything else, such as output that cannot be written
  2    the command line cannot be used
  3    the model cannot be found, fetched or loaded
  4    an engine failed
  5    the engines do not agree
  130  interrupted by Ctrl-C";

/// Which engines are compared, on what, and how much they may differ.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct ParityArgs {
    /// The engines, with commas between them; each is compared with the first. NAME:PRECISION
    /// gives one a precision of its own, as in candle:f32,onnx:exact. Left out, all that are
    /// compiled in and compute on this machine
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) backends: Vec<String>,
    /// A file, a folder, hf:OWNER/REPO or OWNER/REPO:QUANTISATION; left out, the default model.
    /// What is not on this machine is fetched
    #[arg(long, value_name = "MODEL", long_help = MODEL_HELP)]
    pub(crate) model: Option<OsString>,
    /// CPU threads of each engine; left out, the engine chooses
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
    /// Tokens of each answer, from which both comparisons are made
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = value_parser!(u16).range(1..))]
    pub(crate) max_tokens: u16,
    /// The least part of all positions, in percent, at which both engines must find the same token
    /// the most probable. Engines that both round activations to 8 bits differ at about 3 in 100
    #[arg(long, value_name = "PERCENT", default_value_t = 95.0, value_parser = percent)]
    pub(crate) min_agreement: f64,
    /// The most that the log-probability of a token may differ on average; left out, any
    #[arg(long, value_name = "NATS")]
    pub(crate) max_mean_difference: Option<f64>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

fn percent(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "it is no number")?;
    match (0.0..=100.0).contains(&number) {
        true => Ok(number),
        false => Err("it must be from 0 to 100".to_owned()),
    }
}
