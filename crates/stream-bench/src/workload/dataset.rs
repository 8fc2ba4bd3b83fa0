//! Prompts from a file.
//!
//! Two formats are read, and told apart by their first character:
//! - **JSON Lines**, an object a line: `{"prompt": "…", "output_tokens": 64}`. The tokens of the
//!   answer may be left out.
//! - **ShareGPT**, one JSON array: `[{"conversations": [{"from": "human", "value": "…"}, {"from":
//!   "gpt", "value": "…"}]}]`. As in `vllm bench serve`, the first turn is the prompt, the second
//!   one's length in tokens is that of the answer, and conversations are passed over that have
//!   fewer than two turns, under 4 tokens in either, over 1024 in the prompt, or over 2048 in
//!   both.

use std::fs;
use std::path::Path;

use serde::Deserialize;
use stream_core::{TokenizeError, Tokenizer};

use super::{WorkloadError, WorkloadProblem};

/// The fewest tokens of either turn of a ShareGPT conversation.
const LEAST: usize = 4;
/// The most tokens of its prompt.
const MOST_PROMPT: usize = 1024;
/// The most tokens of both.
const MOST_TOGETHER: usize = 2048;

/// Prompts from a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// At least one, in the order of the file.
    pub samples: Vec<Sample>,
}

/// A prompt, sent as it is, without a chat template.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Sample {
    /// The text.
    pub prompt: String,
    /// Tokens of the answer, if the file says.
    #[serde(default)]
    pub output_tokens: Option<usize>,
}

#[derive(Debug, Deserialize)]
struct Conversation {
    #[serde(default)]
    conversations: Vec<Turn>,
}

#[derive(Debug, Deserialize)]
struct Turn {
    value: String,
}

impl Dataset {
    /// Reads a file. The tokenizer measures the answers of ShareGPT conversations.
    ///
    /// # Errors
    /// If it cannot be read, a line or a conversation of it makes no sense, or it holds nothing
    /// that can be asked.
    pub fn read(path: &Path, tokenizer: &dyn Tokenizer) -> Result<Self, WorkloadError> {
        let read = || Self::parse(&fs::read_to_string(path)?, tokenizer);
        read().map_err(|problem| WorkloadError {
            path: path.to_owned(),
            problem,
        })
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(text: &str, tokenizer: &dyn Tokenizer) -> Result<Self, WorkloadProblem> {
        let samples = match text.trim_start().starts_with('[') {
            true => share_gpt(text, tokenizer)?,
            false => lines(text, sample)?,
        };
        match samples.is_empty() {
            true => Err(WorkloadProblem::Empty),
            false => Ok(Self { samples }),
        }
    }
}

/// What `read` makes of each line that is not empty; the first problem with its line's number.
pub(super) fn lines<T>(
    text: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, WorkloadProblem> {
    let lines = text.lines().zip(1..);
    let lines = lines.filter(|(line, _)| !line.trim().is_empty());
    let read = |(text, line)| read(text).map_err(|problem| WorkloadProblem::Line { line, problem });
    lines.map(read).collect()
}

fn sample(line: &str) -> Result<Sample, String> {
    let sample: Sample = serde_json::from_str(line).map_err(|error| error.to_string())?;
    if sample.prompt.is_empty() {
        return Err("the prompt is empty".to_owned());
    }
    match sample.output_tokens {
        Some(0) => Err("output_tokens is 0, but must be at least 1".to_owned()),
        _ => Ok(sample),
    }
}

fn share_gpt(text: &str, tokenizer: &dyn Tokenizer) -> Result<Vec<Sample>, WorkloadProblem> {
    let parsed: Result<Vec<Conversation>, _> = serde_json::from_str(text);
    let conversations = parsed.map_err(|error| WorkloadProblem::Line {
        line: error.line(),
        problem: error.to_string(),
    })?;
    let numbered = conversations.iter().zip(1..);
    let samples = numbered.map(|(conversation, number)| {
        first_question(conversation, tokenizer).map_err(|error| WorkloadProblem::Conversation {
            number,
            problem: error.to_string(),
        })
    });
    samples.filter_map(Result::transpose).collect()
}

/// The first question, if it and its answer have lengths that serve.
fn first_question(
    conversation: &Conversation,
    tokenizer: &dyn Tokenizer,
) -> Result<Option<Sample>, TokenizeError> {
    let [question, answer, ..] = &conversation.conversations[..] else {
        return Ok(None);
    };
    let prompt = tokenizer.encode(&question.value)?.len();
    let output = tokenizer.encode(&answer.value)?.len();
    let serves = prompt >= LEAST
        && output >= LEAST
        && prompt <= MOST_PROMPT
        && prompt + output <= MOST_TOGETHER;
    Ok(serves.then(|| Sample {
        prompt: question.value.clone(),
        output_tokens: Some(output),
    }))
}
