//! One JSON object a line.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use serde::Serialize;
use stream_engine::core::{End, StreamToken, TokenId};

use super::Printer;

/// Prints an object for each record, and one for the end.
#[derive(Debug)]
pub(crate) struct Json<W> {
    out: W,
}

impl<W: Write> Json<W> {
    pub(crate) fn new(out: W) -> Self {
        Self { out }
    }

    fn line(&mut self, object: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(object)?;
        line.push(b'\n');
        self.out.write_all(&line)?;
        self.out.flush()
    }
}

impl<W: Write> Printer for Json<W> {
    fn token(&mut self, token: &StreamToken) -> io::Result<()> {
        self.line(&Token::from(token))
    }

    fn end(&mut self, end: &End) -> io::Result<()> {
        self.line(&Last::from(end))
    }
}

#[derive(Serialize)]
struct Token<'a> {
    index: usize,
    id: Option<TokenId>,
    text: &'a str,
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
