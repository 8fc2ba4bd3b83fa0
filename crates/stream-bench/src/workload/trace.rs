//! A recorded trace: requests with the times at which they came.
//!
//! JSON Lines with the names of Mooncake's published traces: `timestamp` in milliseconds,
//! `input_length` in tokens, `output_length` in tokens, and `hash_ids`, which name the blocks of
//! 512 tokens that the prompt begins with: a block with the same name has the same tokens in
//! every prompt. Instead of `input_length` a line may have its `prompt` as text. The earliest
//! request comes at the start of the round.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::dataset::lines;
use super::{WorkloadError, WorkloadProblem};

/// Tokens of a block that a hash names.
pub const HASH_BLOCK: usize = 512;
/// The most tokens of one prompt.
const MOST: usize = 1 << 24;

/// A recorded trace.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// At least one, in the order of their times.
    pub arrivals: Vec<Arrival>,
}

/// A request of a trace.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrival {
    /// When it comes, in seconds after the first.
    pub at_s: f64,
    /// What is asked.
    pub question: Question,
    /// Tokens of the answer, if the trace says.
    pub output_tokens: Option<usize>,
}

/// A prompt of a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// Text, sent as it is.
    Text(String),
    /// So many tokens, the first of them in blocks that are the same wherever their name stands.
    Tokens {
        /// Tokens in all.
        count: usize,
        /// The names of the blocks.
        blocks: Vec<u64>,
    },
}

#[derive(Debug, Deserialize)]
struct Line {
    timestamp: f64,
    #[serde(default)]
    input_length: Option<usize>,
    #[serde(default)]
    prompt: Option<String>,
    #[serde(default)]
    output_length: Option<usize>,
    #[serde(default)]
    hash_ids: Vec<u64>,
}

impl Trace {
    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read, a line of it makes no sense, or it has none.
    pub fn read(path: &Path) -> Result<Self, WorkloadError> {
        let read = || Self::parse(&fs::read_to_string(path)?);
        read().map_err(|problem| WorkloadError {
            path: path.to_owned(),
            problem,
        })
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(text: &str) -> Result<Self, WorkloadProblem> {
        let mut arrivals = lines(text, arrival)?;
        arrivals.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
        let first = arrivals.first().ok_or(WorkloadProblem::Empty)?.at_s;
        for arrival in &mut arrivals {
            arrival.at_s -= first;
        }
        Ok(Self { arrivals })
    }

    /// Whether some prompt, or its beginning, is the same in every round.
    pub(super) fn is_fixed(&self) -> bool {
        self.arrivals.iter().any(|arrival| match &arrival.question {
            Question::Text(_) => true,
            Question::Tokens { blocks, .. } => !blocks.is_empty(),
        })
    }
}

fn arrival(line: &str) -> Result<Arrival, String> {
    let line: Line = serde_json::from_str(line).map_err(|error| error.to_string())?;
    if !line.timestamp.is_finite() {
        return Err("the timestamp is no number of milliseconds".to_owned());
    }
    if line.output_length == Some(0) {
        return Err("output_length is 0, but must be at least 1".to_owned());
    }
    let question = match (line.prompt, line.input_length) {
        (Some(text), None) if !text.is_empty() => Question::Text(text),
        (None, Some(count)) if (1..=MOST).contains(&count) => Question::Tokens {
            count,
            blocks: line.hash_ids,
        },
        (None, Some(count)) => {
            return Err(format!(
                "input_length is {count}, but must be from 1 to {MOST}"
            ));
        }
        (Some(_), None) => return Err("the prompt is empty".to_owned()),
        _ => return Err("it must have either input_length or prompt".to_owned()),
    };
    Ok(Arrival {
        at_s: line.timestamp / 1e3,
        question,
        output_tokens: line.output_length,
    })
}
