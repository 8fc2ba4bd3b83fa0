//! The parameters of sampling.

use clap::Args;
use stream_engine::core::{SamplerStage, TokenId};

const ORDER_HELP: &str = "\
The order of the samplers, with commas between them: every one that is set. The default is
penalties,dry,temperature,top_n_sigma,top_k,top_p,typical_p,epsilon_cutoff,eta_cutoff,min_p,xtc";

fn bias(text: &str) -> Result<(TokenId, f32), String> {
    let (id, bias) = text.split_once('=').ok_or("there is no `=` in it")?;
    let id = id
        .trim()
        .parse()
        .map_err(|e| format!("`{id}` is no token id: {e}"))?;
    let bias = bias
        .trim()
        .parse()
        .map_err(|e| format!("`{bias}` is no bias: {e}"))?;
    Ok((id, bias))
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
    /// 0 always takes the most probable token; else from 0.01 to 10. This and other parameters that
    /// are left out are what the model's file recommends [default: 0.7]
    #[arg(long, value_name = "T", allow_negative_numbers = true)]
    pub(crate) temperature: Option<f32>,
    /// Only the K most probable tokens; 0 keeps all [default: 0]
    #[arg(long, value_name = "K", allow_negative_numbers = true)]
    pub(crate) top_k: Option<u32>,
    /// Only the most probable tokens that sum up to P; 1 keeps all [default: 1]
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    pub(crate) top_p: Option<f32>,
    /// Only tokens at least P times as probable as the most probable one; 0 keeps all [default: 0]
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    pub(crate) min_p: Option<f32>,
    /// Make tokens of prompt and answer less likely, by a factor; 1 is off [default: 1]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub(crate) repetition_penalty: Option<f32>,
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
    /// Only the most typical tokens that sum up to P; 1 keeps all
    #[arg(
        long,
        value_name = "P",
        default_value_t = 1.0,
        allow_negative_numbers = true
    )]
    pub(crate) typical_p: f32,
    /// Only tokens with a logit within N standard deviations of the largest; 0 keeps all
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0.0,
        allow_negative_numbers = true
    )]
    pub(crate) top_n_sigma: f32,
    /// Only tokens at least this probable; 0 keeps all
    #[arg(
        long,
        value_name = "P",
        default_value_t = 0.0,
        allow_negative_numbers = true
    )]
    pub(crate) epsilon_cutoff: f32,
    /// Only tokens at least this probable, or less so where many are; 0 keeps all
    #[arg(
        long,
        value_name = "P",
        default_value_t = 0.0,
        allow_negative_numbers = true
    )]
    pub(crate) eta_cutoff: f32,
    /// DRY: make tokens that would repeat a sequence less likely; 0.8 is usual
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub(crate) dry_multiplier: Option<f32>,
    /// How the penalty grows with each token that is repeated [default: 1.75]
    #[arg(
        long,
        value_name = "X",
        requires = "dry_multiplier",
        allow_negative_numbers = true
    )]
    pub(crate) dry_base: Option<f32>,
    /// Tokens that may be repeated for nothing [default: 2]
    #[arg(
        long,
        value_name = "N",
        requires = "dry_multiplier",
        allow_negative_numbers = true
    )]
    pub(crate) dry_allowed_length: Option<usize>,
    /// The last tokens that are looked at; left out, all
    #[arg(
        long,
        value_name = "N",
        requires = "dry_multiplier",
        allow_negative_numbers = true
    )]
    pub(crate) dry_range: Option<usize>,
    /// A text that no repetition reaches over; may be given several times [default: line break,
    /// colon, double quote, asterisk]
    #[arg(
        long,
        value_name = "TEXT",
        requires = "dry_multiplier",
        allow_hyphen_values = true
    )]
    pub(crate) dry_breaker: Vec<String>,
    /// XTC: how often the most probable tokens are excluded; 0.5 is usual
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    pub(crate) xtc_probability: Option<f32>,
    /// Which tokens count as such: all but the last that are at least so probable [default: 0.1]
    #[arg(
        long,
        value_name = "P",
        requires = "xtc_probability",
        allow_negative_numbers = true
    )]
    pub(crate) xtc_threshold: Option<f32>,
    /// Mirostat 2.0: the surprise to aim at, in bits; 5 is usual. Takes the place of all cuts
    #[arg(long, value_name = "BITS", allow_negative_numbers = true)]
    pub(crate) mirostat_tau: Option<f32>,
    /// How fast it learns [default: 0.1]
    #[arg(
        long,
        value_name = "X",
        requires = "mirostat_tau",
        allow_negative_numbers = true
    )]
    pub(crate) mirostat_eta: Option<f32>,
    /// Add -100 to 100 to the logit of a token id; may be given several times
    #[arg(long, value_name = "ID=BIAS", value_parser = bias)]
    pub(crate) logit_bias: Vec<(TokenId, f32)>,
    /// A text that the answer must not hold; may be given several times
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) bad_word: Vec<String>,
    /// The order of the samplers, with commas between them: every one that is set
    #[arg(long, value_name = "LIST", value_delimiter = ',', long_help = ORDER_HELP)]
    pub(crate) sampler_order: Option<Vec<SamplerStage>>,
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
