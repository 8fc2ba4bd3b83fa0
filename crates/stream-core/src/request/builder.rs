//! The parts of a request, collected.

use super::{Request, next_id};
use crate::{Deadlines, Delivery, Grammar, InvalidRequest, Prompt, Sampling, SlowReader, Stop};

/// The most answers that one request may ask for.
const MAX_CHOICES: usize = 128;
/// The most of the most probable tokens that may be reported.
const MAX_LOGPROBS: usize = 20;

/// Collects the parts of a [`Request`] and checks them in [`build`](Self::build).
#[derive(Debug, Clone)]
#[must_use]
pub struct RequestBuilder {
    prompt: Prompt,
    max_tokens: Option<usize>,
    n: usize,
    logprobs: Option<usize>,
    prompt_logprobs: Option<usize>,
    echo: bool,
    grammar: Option<Grammar>,
    sampling: Sampling,
    stop: Stop,
    buffer: usize,
    slow_reader: SlowReader,
    deadlines: Deadlines,
}

impl RequestBuilder {
    pub(super) fn new(prompt: Prompt) -> Self {
        let delivery = Delivery::default();
        Self {
            prompt,
            max_tokens: None,
            n: 1,
            logprobs: None,
            prompt_logprobs: None,
            echo: false,
            grammar: None,
            sampling: Sampling::default(),
            stop: Stop::default(),
            buffer: delivery.buffer(),
            slow_reader: delivery.slow_reader(),
            deadlines: Deadlines::default(),
        }
    }

    /// The most tokens to make, at least 1. Left out, it is what the context has room for.
    pub fn max_tokens(mut self, tokens: usize) -> Self {
        self.max_tokens = Some(tokens);
        self
    }

    /// So many answers, 1 to 128, each with draws of its own; see
    /// [`generate_choices`](crate::BackendExt::generate_choices).
    pub fn n(mut self, choices: usize) -> Self {
        self.n = choices;
        self
    }

    /// Reports with each token its log-probability, and the 0 to 20 most probable tokens with
    /// theirs. They are natural logarithms, of the model's own distribution: before penalties,
    /// masks, temperature and cuts.
    pub fn logprobs(mut self, top: usize) -> Self {
        self.logprobs = Some(top);
        self
    }

    /// Reports the same for each token of the prompt after the first. The prompt is then read
    /// with logits at every position, which takes longer.
    pub fn prompt_logprobs(mut self, top: usize) -> Self {
        self.prompt_logprobs = Some(top);
        self
    }

    /// Begins the text with the prompt's, as it was given; a prompt of token ids is decoded. Stop
    /// strings are not looked for in it, and it counts no tokens. A conversation has no text
    /// that the answer goes on with, so it cannot be echoed.
    pub fn echo(mut self) -> Self {
        self.echo = true;
        self
    }

    /// What the whole text of the answer must match. The prompt should say so too: a grammar
    /// forbids, it does not explain.
    pub fn grammar(mut self, grammar: Grammar) -> Self {
        self.grammar = Some(grammar);
        self
    }

    /// How tokens are chosen.
    pub fn sampling(mut self, sampling: Sampling) -> Self {
        self.sampling = sampling;
        self
    }

    /// Always the most probable token.
    pub fn greedy(self) -> Self {
        self.sampling(Sampling::greedy())
    }

    /// What ends the answer early.
    pub fn stop(mut self, stop: Stop) -> Self {
        self.stop = stop;
        self
    }

    /// Token records that may wait for the reader, 1 to 65,536.
    pub fn buffer(mut self, tokens: usize) -> Self {
        self.buffer = tokens;
        self
    }

    /// What happens when the buffer is full.
    pub fn slow_reader(mut self, policy: SlowReader) -> Self {
        self.slow_reader = policy;
        self
    }

    /// How long the request may take.
    pub fn deadlines(mut self, deadlines: Deadlines) -> Self {
        self.deadlines = deadlines;
        self
    }

    /// Checks the request.
    ///
    /// # Errors
    /// An empty prompt, `max_tokens` 0 or under `min_tokens`, an impossible number of answers or
    /// of log-probabilities, the echo of a conversation, a grammar that is empty or too long, or
    /// an impossible buffer.
    pub fn build(self) -> Result<Request, InvalidRequest> {
        if self.prompt.is_empty() {
            return Err(InvalidRequest::new(
                "prompt",
                "empty",
                "a text, ids, or a conversation in which the user says something",
            ));
        }
        check_max_tokens(self.max_tokens, self.stop.min_tokens())?;
        self.check_reports()?;
        self.grammar.as_ref().map_or(Ok(()), Grammar::check)?;
        Ok(Request {
            id: next_id(),
            delivery: Delivery::new(self.buffer, self.slow_reader)?,
            prompt: self.prompt,
            max_tokens: self.max_tokens,
            n: self.n,
            choice: 0,
            logprobs: self.logprobs,
            prompt_logprobs: self.prompt_logprobs,
            echo: self.echo,
            grammar: self.grammar,
            sampling: self.sampling,
            stop: self.stop,
            deadlines: self.deadlines,
        })
    }

    fn check_reports(&self) -> Result<(), InvalidRequest> {
        within("n", Some(self.n), 1, MAX_CHOICES)?;
        within("logprobs", self.logprobs, 0, MAX_LOGPROBS)?;
        within("prompt_logprobs", self.prompt_logprobs, 0, MAX_LOGPROBS)?;
        match (&self.prompt, self.echo) {
            (Prompt::Chat(_) | Prompt::Conversation(_), true) => Err(InvalidRequest::new(
                "echo",
                "asked of a conversation",
                "asked of a text or of token ids",
            )),
            _ => Ok(()),
        }
    }
}

fn within(
    parameter: &'static str,
    found: Option<usize>,
    least: usize,
    most: usize,
) -> Result<(), InvalidRequest> {
    match found {
        Some(found) if !(least..=most).contains(&found) => Err(InvalidRequest::new(
            parameter,
            found,
            format!("from {least} to {most}"),
        )),
        _ => Ok(()),
    }
}

fn check_max_tokens(max: Option<usize>, min: usize) -> Result<(), InvalidRequest> {
    match max {
        Some(0) => Err(InvalidRequest::new("max_tokens", 0, "at least 1")),
        Some(max) if max < min => Err(InvalidRequest::new(
            "min_tokens",
            min,
            format!("at most max_tokens, which is {max}"),
        )),
        _ => Ok(()),
    }
}
