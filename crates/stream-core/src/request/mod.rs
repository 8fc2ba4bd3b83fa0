//! One generation, asked for.

mod builder;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};

pub use builder::RequestBuilder;

use crate::{Conversation, Deadlines, Delivery, Grammar, Message, Prompt, Sampling, Stop, TokenId};

/// A request that no backend can find senseless: it is checked when it is built. Whether a
/// certain model can take it, the backend says in [`submit`](crate::Backend::submit).
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    id: u64,
    prompt: Prompt,
    max_tokens: Option<usize>,
    n: usize,
    choice: u32,
    logprobs: Option<usize>,
    prompt_logprobs: Option<usize>,
    echo: bool,
    grammar: Option<Grammar>,
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

    /// A conversation in JSON, with tools, rendered by the model's chat template.
    pub fn conversation(conversation: Conversation) -> RequestBuilder {
        RequestBuilder::new(Prompt::Conversation(conversation))
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

    /// How many answers are asked for. More than one needs
    /// [`generate_choices`](crate::BackendExt::generate_choices).
    pub fn n(&self) -> usize {
        self.n
    }

    /// Which of several answers this one is, from 0. It has a part in the draws: answers with
    /// the same seed differ.
    pub fn choice(&self) -> u32 {
        self.choice
    }

    /// How many of the most probable tokens are reported with each token of the answer, beside
    /// that token itself; `None` reports nothing.
    pub fn logprobs(&self) -> Option<usize> {
        self.logprobs
    }

    /// How many of the most probable tokens are reported for each token of the prompt after the
    /// first, beside that token itself; `None` reports nothing.
    pub fn prompt_logprobs(&self) -> Option<usize> {
        self.prompt_logprobs
    }

    /// Whether the text begins with the prompt's.
    pub fn echo(&self) -> bool {
        self.echo
    }

    /// What the text of the answer must match; `None` is anything.
    pub fn grammar(&self) -> Option<&Grammar> {
        self.grammar.as_ref()
    }

    /// A request for each of the [`n`](Self::n) answers.
    pub fn into_choices(self) -> impl Iterator<Item = Request> {
        (0..self.n as u32).map(move |choice| Self {
            id: next_id(),
            n: 1,
            choice,
            ..self.clone()
        })
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

fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
