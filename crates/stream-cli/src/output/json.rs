//! One JSON object a line.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use serde::Serialize;
use stream_engine::core::{End, StreamToken, TokenId, TokenLogprobs};

use super::Printer;
use super::logprobs::Scored;

/// Prints an object for each record, and one for the end.
#[derive(Debug)]
pub(crate) struct Json<W> {
    out: W,
    choice: Option<usize>,
}

impl<W: Write> Json<W> {
    pub(crate) fn new(out: W) -> Self {
        Self { out, choice: None }
    }

    /// From now on objects belong to this one of several answers.
    pub(crate) fn set_choice(&mut self, choice: usize) {
        self.choice = Some(choice);
    }

    fn line(&mut self, object: &impl Serialize) -> io::Result<()> {
        let choice = self.choice;
        let mut line = serde_json::to_vec(&Numbered { choice, object })?;
        line.push(b'\n');
        self.out.write_all(&line)?;
        self.out.flush()
    }
}

/// An object with the number of the answer that it belongs to.
#[derive(Serialize)]
struct Numbered<'a, T> {
    #[serde(skip_serializing_if = "Option::is_none")]
    choice: Option<usize>,
    #[serde(flatten)]
    object: &'a T,
}

impl<W: Write> Printer for Json<W> {
    fn prompt(&mut self, logprobs: &[TokenLogprobs]) -> io::Result<()> {
        self.line(&Prompt {
            prompt_logprobs: logprobs.iter().map(Scored::from).collect(),
        })
    }

    fn token(&mut self, token: &StreamToken) -> io::Result<()> {
        self.line(&Token::from(token))
    }

    fn end(&mut self, end: &End) -> io::Result<()> {
        self.line(&Last::from(end))
    }
}

#[derive(Serialize)]
struct Prompt<'a> {
    prompt_logprobs: Vec<Scored<'a>>,
}

#[derive(Serialize)]
struct Token<'a> {
    index: usize,
    id: Option<TokenId>,
    text: &'a str,
    /// Records are not merged, so there is one at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<Scored<'a>>,
    scheduled_ms: f64,
    sampled_ms: f64,
    released_ms: f64,
}

impl<'a> From<&'a StreamToken> for Token<'a> {
    fn from(token: &'a StreamToken) -> Self {
        let times = &token.times;
        let since = |instant: Instant| ms(instant.duration_since(times.queued));
        Self {
            index: token.index,
            id: token.id,
            text: &token.text,
            logprobs: token.logprobs.last().map(Scored::from),
            scheduled_ms: since(times.scheduled),
            sampled_ms: since(times.sampled),
            released_ms: since(times.released),
        }
    }
}

#[derive(Serialize)]
struct Last {
    finish_reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    usage: Usage,
    timings: Timings,
}

#[derive(Serialize)]
struct Usage {
    prompt_tokens: usize,
    cached_tokens: usize,
    completion_tokens: usize,
}

/// A value is null where the stream did not come so far.
#[derive(Serialize)]
struct Timings {
    queue_ms: Option<f64>,
    time_to_first_token_ms: Option<f64>,
    decode_ms: Option<f64>,
    total_ms: Option<f64>,
    tokens_per_second: Option<f64>,
}

impl From<&End> for Last {
    fn from(end: &End) -> Self {
        let (usage, timings) = (&end.usage, &end.timings);
        let total = timings.ended.map(|at| at.duration_since(timings.queued));
        Self {
            finish_reason: end
                .outcome
                .as_ref()
                .map_or("error", |reason| reason.as_str()),
            error: end.outcome.as_ref().err().map(ToString::to_string),
            usage: Usage {
                prompt_tokens: usage.prompt_tokens,
                cached_tokens: usage.cached_tokens,
                completion_tokens: usage.completion_tokens,
            },
            timings: Timings {
                queue_ms: timings.queue_time().map(ms),
                time_to_first_token_ms: timings.time_to_first_token().map(ms),
                decode_ms: timings.decode_time().map(ms),
                total_ms: total.map(ms),
                tokens_per_second: timings.tokens_per_second().map(rounded),
            },
        }
    }
}

fn ms(duration: Duration) -> f64 {
    rounded(duration.as_secs_f64() * 1000.0)
}

/// To three places: microseconds, where it is milliseconds.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
