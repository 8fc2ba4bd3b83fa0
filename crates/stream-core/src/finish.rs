//! How a stream ended and what it cost.

use std::time::{Duration, Instant};

use crate::{Error, TokenId};

/// Why a stream stopped making tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FinishReason {
    /// The model chose one of its end tokens; or the text was complete by its grammar, where end
    /// tokens are ignored.
    EndOfSequence,
    /// The model chose a stop id of the request.
    StopToken(TokenId),
    /// A stop string of the request appeared.
    StopString(String),
    /// `max_tokens` or the context was reached.
    Length,
    /// The reader, or someone with its handle, cancelled.
    Cancelled,
}

impl FinishReason {
    /// The word that OpenAI's API uses where it has one: `stop`, `length`; and `cancelled`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::EndOfSequence | Self::StopToken(_) | Self::StopString(_) => "stop",
            Self::Length => "length",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What a backend says when it finishes a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finish {
    /// Why it stopped.
    pub reason: FinishReason,
    /// Text that was held back until now and that no token record carried; usually empty.
    pub held_text: String,
}

impl From<FinishReason> for Finish {
    fn from(reason: FinishReason) -> Self {
        Self {
            reason,
            held_text: String::new(),
        }
    }
}

/// Token counts of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Tokens of the prompt, template included.
    pub prompt_tokens: usize,
    /// Those of them that were in the engine's prefix cache, and were not computed.
    pub cached_tokens: usize,
    /// Tokens made, an end token included.
    pub completion_tokens: usize,
}

/// When the stations of a stream were passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timings {
    /// The request was submitted.
    pub queued: Instant,
    /// It first entered a step.
    pub scheduled: Option<Instant>,
    /// Its first token was released.
    pub first_token: Option<Instant>,
    /// Its newest token was released.
    pub last_token: Option<Instant>,
    /// It ended.
    pub ended: Option<Instant>,
    /// Tokens released until now.
    pub tokens: usize,
}

impl Timings {
    pub(crate) fn start(queued: Instant) -> Self {
        Self {
            queued,
            scheduled: None,
            first_token: None,
            last_token: None,
            ended: None,
            tokens: 0,
        }
    }

    /// Time in the queue: submission to first step.
    pub fn queue_time(&self) -> Option<Duration> {
        Some(self.scheduled?.duration_since(self.queued))
    }

    /// Time to first token (TTFT), from submission.
    pub fn time_to_first_token(&self) -> Option<Duration> {
        Some(self.first_token?.duration_since(self.queued))
    }

    /// Time from the first token to the last.
    pub fn decode_time(&self) -> Option<Duration> {
        Some(self.last_token?.duration_since(self.first_token?))
    }

    /// Decoding speed: tokens after the first over the time since the first. `None` before the
    /// second token.
    pub fn tokens_per_second(&self) -> Option<f64> {
        let seconds = self.decode_time()?.as_secs_f64();
        (self.tokens > 1 && seconds > 0.0).then(|| (self.tokens - 1) as f64 / seconds)
    }
}

/// The one end that every accepted stream has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// Why it ended.
    pub outcome: Result<FinishReason, Error>,
    /// What was made until then.
    pub usage: Usage,
    /// When.
    pub timings: Timings,
}
