//! The command line of `bench`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, value_parser};
use stream_bench::{Lengths, Rate};

use super::{EXIT_CODES, MODEL_HELP, SettingArgs};

/// What is asked, how it comes, how often, and where the figures go.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct BenchArgs {
    /// The engines, with commas between them; left out, all that are compiled in. The others are
    /// compared with the first; one that is named twice shows how much the machine wavers.
    /// NAME:PRECISION gives one a precision of its own, as in onnx,onnx:exact
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) backends: Vec<String>,
    /// The address of a server that speaks vLLM's API, with the same model as --model: the engine
    /// `vllm` then takes part. May be given several times
    #[arg(long, value_name = "URL")]
    pub(crate) url: Vec<String>,
    /// Another program that takes part, as NAME=COMMAND; may be given several times
    #[arg(long, value_name = "NAME=COMMAND", value_parser = contender, long_help = CONTENDER_HELP)]
    pub(crate) contender: Vec<(String, String)>,
    /// A file, a folder, hf:OWNER/REPO or OWNER/REPO:QUANTISATION; left out, the default model.
    /// What is not on this machine is fetched
    #[arg(long, value_name = "MODEL", long_help = MODEL_HELP)]
    pub(crate) model: Option<OsString>,
    /// CPU threads that compute, with commas between them; each engine takes part with each.
    /// Left out, the engine chooses
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        value_parser = value_parser!(u16).range(1..=1024)
    )]
    pub(crate) threads: Vec<u16>,
    /// Tokens that each engine may try ahead in one step (speculative decoding); 0 switches it off,
    /// left out, the engine chooses. Other programs are not told
    #[arg(long, value_name = "N")]
    pub(crate) speculative_tokens: Option<u8>,
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
    #[command(flatten)]
    pub(crate) prompts: PromptArgs,
    #[command(flatten)]
    pub(crate) load: LoadArgs,
    /// Rounds: each puts each load on each contender, one after the other
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = value_parser!(u16).range(1..))]
    pub(crate) repeat: u16,
    /// Requests that each contender answers before the first round, and that do not count
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(crate) warmup: u16,
    /// Count as goodput the requests that keep these limits: ttft, tpot or e2el, a colon, and
    /// milliseconds
    #[arg(long, value_name = "LIMIT", num_args = 1..)]
    pub(crate) goodput: Vec<String>,
    /// Seconds after which a request has failed
    #[arg(long, value_name = "S", default_value_t = 600, value_parser = value_parser!(u32).range(1..))]
    pub(crate) timeout: u32,
    /// Make other prompts and arrival times
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Print Markdown, led by a table like that of llama-bench
    #[arg(long)]
    pub(crate) markdown: bool,
    /// Write everything that was measured to a file of JSON
    #[arg(long, value_name = "FILE", long_help = JSON_HELP)]
    pub(crate) json: Option<PathBuf>,
    /// Write a page with tables and plots that needs nothing from elsewhere
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}

/// What is asked.
#[derive(Debug, Args)]
pub(crate) struct PromptArgs {
    /// Tokens of a prompt: a number, a range as 16-512, or a list as 64,256 to draw from
    #[arg(long, value_name = "TOKENS", default_value = "128")]
    pub(crate) prompt_tokens: Lengths,
    /// Tokens of an answer, in the same forms; left out, what the file says, or else 64
    #[arg(long, value_name = "TOKENS")]
    pub(crate) max_tokens: Option<Lengths>,
    /// Begin every prompt with the same N tokens, which an engine may keep
    #[arg(long, value_name = "N", default_value_t = 0, conflicts_with_all = ["dataset", "trace"])]
    pub(crate) shared_prefix: usize,
    /// Ask prompts from a file: JSON Lines with `prompt` and `output_tokens`, or ShareGPT's JSON
    #[arg(long, value_name = "FILE", conflicts_with_all = ["trace", "prompt_tokens"], long_help = DATASET_HELP)]
    pub(crate) dataset: Option<PathBuf>,
    /// Ask what a trace says, when it says: JSON Lines with `timestamp` and `input_length`
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["prompt_tokens", "concurrency", "rate"],
        long_help = TRACE_HELP
    )]
    pub(crate) trace: Option<PathBuf>,
    /// Requests of a load in a round; left out, two for each client and at least 8, at a rate 32,
    /// and all of a trace
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..))]
    pub(crate) num_prompts: Option<u32>,
}

/// How requests come.
#[derive(Debug, Args)]
pub(crate) struct LoadArgs {
    /// So many clients, each with its next request once it has its answer; with commas between
    /// them, one load after the other [default: 1, unless there is a rate]
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        value_parser = value_parser!(u32).range(1..=65_536)
    )]
    pub(crate) concurrency: Vec<u32>,
    /// So many requests per second, at random times (a Poisson process), however many are under
    /// way; inf is all at once; with commas between them, one load after the other
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) rate: Vec<Rate>,
}

fn contender(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=');
    let (name, command) = parts.ok_or("it must be a name, =, and a command")?;
    match (name.trim(), command.trim()) {
        ("", _) => Err("the name is empty".to_owned()),
        (_, "") => Err("the command is empty".to_owned()),
        (name, command) => Ok((name.to_owned(), command.to_owned())),
    }
}

const CONTENDER_HELP: &str = "\
Another program that takes part, as NAME=COMMAND; may be given several times. The command is cut
at spaces. The program speaks JSON Lines: it loads its model and writes {\"ready\": {\"backend\",
\"version\", \"model\", \"device\", \"token_prompts\": true, \"exact_length\": true}} or {\"failed\":
\"why\"}; it reads {\"round\": {\"concurrency\", \"timeout_s\", \"requests\": [{\"arrival_s\",
\"prompt\": {\"tokens\": []} or {\"text\": \"\"}, \"max_tokens\"}]}} and writes {\"round\":
{\"duration_s\", \"requests\": [{\"arrival_s\", \"sent_s\", \"scheduled_s\", \"tokens_s\": [],
\"ended_s\", \"prompt_tokens\", \"output_tokens\", \"error\"}]}} with seconds from the start of the
round, for each line that it reads. In between it may write {\"done\": N} as requests end";

const DATASET_HELP: &str = "\
Ask prompts from a file, in an order that --seed decides, again from the first when all were asked:
JSON Lines with `prompt` and, if wanted, `output_tokens`; or a ShareGPT file, of which the first turns
are the prompts and the second turns say how long the answers are. Texts are sent as they are,
without a chat template. As in vLLM's bench tool, ShareGPT conversations with under 4 tokens in either
turn, over 1024 in the prompt or over 2048 in both are passed over";

const TRACE_HELP: &str = "\
Ask what a trace says, when it says: JSON Lines with `timestamp` in milliseconds, `input_length` in
tokens or `prompt` as text, `output_length` in tokens, and `hash_ids`, the names of blocks of 512 tokens
that the prompt begins with, as in Mooncake's traces";

const JSON_HELP: &str = "\
Write everything that was measured to a file of JSON: `about` (machine, model with its hash, versions),
`plan`, `contenders` (start-up, memory), `runs` (an object for each contender, load and round, with the
keys of `vllm bench serve --save-result --save-detailed`), `summary` (each figure over the rounds) and
`ratios` (each contender over those before it, round by round)";
