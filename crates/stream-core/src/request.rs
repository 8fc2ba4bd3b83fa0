//! One generation, asked for.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::{
    Deadlines, Delivery, InvalidRequest, Message, Prompt, Sampling, SlowReader, Stop, TokenId,
};

/// A request that no backend can find senseless: it is checked when it is built. Whether a
/// certain model can take it, the backend says in [`submit`](crate::Backend::submit).
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    id: u64,
    prompt: Prompt,
    max_tokens: Option<usize>,
    sampling: Sampling,
    stop: Stop,
    delivery: Delivery,
    deadlines: Deadlines,
}

impl Request {
    /// A conversation, rendered by the model's chat template.
    pub fn chat(messages: impl IntoIterator<Item = Message>) -> RequestBuilder {
        RequestBuilder::new(Prompt::Chat(messages.into_iter().collect()))
    }

    /// A single question to a chat model.
    pub fn user(content: impl Into<String>) -> RequestBuilder {
        Self::chat([Message::user(content)])
    }

    /// Text to be continued, without a template.
    pub fn raw(text: impl Into<String>) -> RequestBuilder {
        RequestBuilder::new(Prompt::Raw(text.into()))
    }

    /// Token ids to be continued.
    pub fn tokens(ids: impl Into<Vec<TokenId>>) -> RequestBuilder {
        RequestBuilder::new(Prompt::Tokens(ids.into()))
    }

    /// A number that no other request of this process has.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// What the model is asked.
    pub fn prompt(&self) -> &Prompt {
        &self.prompt
    }

    /// The most tokens to make; `None` is as many as the context has room for.
    pub fn max_tokens(&self) -> Option<usize> {
        self.max_tokens
    }

    /// How tokens are chosen.
    pub fn sampling(&self) -> &Sampling {
        &self.sampling
    }

    /// What ends the answer early.
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// How tokens reach the reader.
    pub fn delivery(&self) -> &Delivery {
        &self.delivery
    }

    /// How long it may take.
    pub fn deadlines(&self) -> &Deadlines {
        &self.deadlines
    }
}

/// Collects the parts of a [`Request`] and checks them in [`build`](Self::build).
#[derive(Debug, Clone)]
#[must_use]
pub struct RequestBuilder {
    prompt: Prompt,
    max_tokens: Option<usize>,
    sampling: Sampling,
    stop: Stop,
    buffer: usize,
    slow_reader: SlowReader,
    deadlines: Deadlines,
}

impl RequestBuilder {
    fn new(prompt: Prompt) -> Self {
        let delivery = Delivery::default();
        Self {
            prompt,
            max_tokens: None,
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
    /// An empty prompt, `max_tokens` 0 or under `min_tokens`, or an impossible buffer.
    pub fn build(self) -> Result<Request, InvalidRequest> {
        if self.prompt.is_empty() {
            return Err(InvalidRequest::new(
                "prompt",
                "empty",
                "a text, ids, or a conversation in which the user says something",
            ));
        }
        check_max_tokens(self.max_tokens, self.stop.min_tokens())?;
        Ok(Request {
            id: next_id(),
            delivery: Delivery::new(self.buffer, self.slow_reader)?,
            prompt: self.prompt,
            max_tokens: self.max_tokens,
            sampling: self.sampling,
            stop: self.stop,
            deadlines: self.deadlines,
        })
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

fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(builder: RequestBuilder) -> &'static str {
        builder.build().err().map_or("accepted", |e| e.parameter)
    }

    #[test]
    fn impossible_requests_are_named() {
        assert_eq!(parameter(Request::raw("")), "prompt");
        assert_eq!(parameter(Request::user("  ")), "prompt");
        assert_eq!(parameter(Request::chat([Message::system("x")])), "prompt");
        assert_eq!(parameter(Request::tokens([])), "prompt");
        assert_eq!(parameter(Request::raw("x").max_tokens(0)), "max_tokens");
        assert_eq!(parameter(Request::raw("x").buffer(0)), "buffer");
        let stop = Stop::builder().min_tokens(3).build().unwrap();
        let builder = Request::raw("x").max_tokens(2).stop(stop);
        assert_eq!(parameter(builder), "min_tokens");
    }

    #[test]
    fn every_request_has_its_own_id() {
        let build = || Request::raw("x").build().unwrap().id();
        assert_ne!(build(), build());
    }
}
