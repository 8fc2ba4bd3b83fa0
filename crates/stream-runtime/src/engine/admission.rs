//! What is checked on the caller's thread, before a request is accepted.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use stream_core::{
    BackendInfo, Enrolled, Gate, InvalidRequest, Prompt, Rejection, Request, Roster, Sampling,
    TokenId, TokenizeError,
};

use super::memory::Memory;
use super::stats::Board;
use super::vocabulary::Vocabulary;
use super::{constraint, panic_message, words};
use crate::Spec;
use crate::grammar::{GrammarCompiler, Matcher};

/// Decides whether a request can be taken.
pub(super) struct Admission {
    pub(super) info: BackendInfo,
    pub(super) spec: Spec,
    pub(super) vocabulary: Arc<Vocabulary>,
    pub(super) roster: Roster,
    pub(super) board: Arc<Board>,
    pub(super) default_max_tokens: Option<usize>,
    pub(super) grammars: Option<Arc<dyn GrammarCompiler>>,
}

/// What is known of a good request.
pub(super) struct Admitted {
    pub(super) place: Enrolled,
    /// The tokens of its prompt.
    pub(super) prompt: Vec<TokenId>,
    /// The prompt's text, if it is asked for.
    pub(super) echo: Option<String>,
    pub(super) memory: Memory,
    /// What its answer must match.
    pub(super) matcher: Option<Box<dyn Matcher>>,
    /// How many tokens it may get.
    pub(super) max_tokens: usize,
}

impl Admission {
    /// Takes a place first, so that a full queue costs no tokenising.
    pub(super) fn admit(&self, request: &Request, gate: Gate) -> Result<Admitted, Rejection> {
        self.info.capabilities.check(request, &self.info.name)?;
        let place = self.enroll(gate)?;
        let vocabulary = self.spec.vocabulary;
        check_ids("stop_token_ids", request.stop().ids(), vocabulary)?;
        self.check_sampling(request.sampling())?;
        let prompt = self.tokenise(request.prompt())?;
        if request.prompt_logprobs().is_some() {
            check_ids("prompt", &prompt, self.vocabulary.usable())?;
        }
        let max_tokens = self.max_tokens(request, prompt.len())?;
        let (memory, echo) = guard(|| self.read(request, &prompt))?;
        let matcher = constraint::compile(self.grammars.as_deref(), request)?;
        Ok(Admitted {
            matcher,
            place,
            prompt,
            echo,
            memory,
            max_tokens,
        })
    }

    /// Asks for a fault once the stream is on the list: what fails afterwards finds it there.
    fn enroll(&self, gate: Gate) -> Result<Enrolled, Rejection> {
        let place = self.roster.enroll(gate);
        match self.board.fault() {
            Some(fault) => Err(Rejection::Failed(fault)),
            None => place.map_err(|e| self.count_waiting(e)),
        }
    }

    fn check_sampling(&self, sampling: &Sampling) -> Result<(), InvalidRequest> {
        let usable = self.vocabulary.usable();
        let biased: Vec<_> = sampling.logit_bias().iter().map(|&(id, _)| id).collect();
        check_ids("logit_bias", &biased, usable)?;
        let mut sequences = sampling.bad_token_sequences().iter();
        sequences.try_for_each(|ids| check_ids("bad_token_sequences", ids, usable))
    }

    /// What an accepted request's sampling and echo need of the tokenizer.
    fn read(
        &self,
        request: &Request,
        prompt: &[TokenId],
    ) -> Result<(Memory, Option<String>), TokenizeError> {
        let (vocabulary, tokenizer) = (&*self.vocabulary, &**self.vocabulary.tokenizer());
        let bad_words = words::bad_words(request.sampling(), tokenizer)?;
        let memory = Memory::new(request, prompt, bad_words, vocabulary);
        let text = || words::text_of(request.prompt(), tokenizer);
        Ok((memory, request.echo().then(text)))
    }

    /// The roster counts those that are worked on too; a user knows the queue.
    fn count_waiting(&self, rejection: Rejection) -> Rejection {
        match rejection {
            Rejection::QueueFull { .. } => Rejection::QueueFull {
                capacity: self.info.limits.queue,
            },
            other => other,
        }
    }

    fn tokenise(&self, prompt: &Prompt) -> Result<Vec<TokenId>, Rejection> {
        let ids = match prompt {
            Prompt::Tokens(ids) => {
                check_ids("prompt", ids, self.spec.vocabulary)?;
                ids.clone()
            }
            text => guard(|| self.encode(text))?,
        };
        if ids.is_empty() {
            return Err(no_tokens().into());
        }
        Ok(ids)
    }

    fn encode(&self, prompt: &Prompt) -> Result<Vec<TokenId>, TokenizeError> {
        let tokenizer = self.vocabulary.tokenizer();
        let ids = match prompt {
            Prompt::Chat(messages) => {
                let rendered = tokenizer.render_chat(messages)?;
                tokenizer.encode_chat(&rendered)?
            }
            Prompt::Conversation(conversation) => {
                let rendered = tokenizer.render_conversation(conversation)?;
                tokenizer.encode_chat(&rendered)?
            }
            Prompt::Raw(text) => tokenizer.encode(text)?,
            Prompt::Tokens(ids) => ids.clone(),
        };
        let vocabulary = self.spec.vocabulary;
        match ids.iter().find(|&&id| id as usize >= vocabulary) {
            None => Ok(ids),
            Some(id) => Err(TokenizeError::new(format!(
                "the tokenizer makes the id {id}, but the model's vocabulary is {vocabulary}"
            ))),
        }
    }

    /// The most tokens of the answer: what the request says, or else what there is room for.
    fn max_tokens(&self, request: &Request, prompt: usize) -> Result<usize, Rejection> {
        // Without max_tokens a request asks for its min_tokens, and for one token at least.
        let least = request.stop().min_tokens().max(1);
        let asked = request.max_tokens().unwrap_or(least);
        let total = prompt.saturating_add(asked);
        if total > self.spec.context_length {
            return Err(Rejection::ContextLengthExceeded {
                model: self.info.model.clone(),
                prompt_tokens: prompt,
                max_tokens: asked,
                context_length: self.spec.context_length,
            });
        }
        // The last token is chosen and never read, so it needs no place in the cache.
        let available = self.spec.kv_tokens();
        if total - 1 > available {
            return Err(Rejection::KvCacheTooSmall {
                needed: total - 1,
                available,
            });
        }
        let room = self.spec.context_length.min(available + 1) - prompt;
        let open = self.default_max_tokens.unwrap_or(room).clamp(least, room);
        Ok(request.max_tokens().unwrap_or(open))
    }
}

/// A tokenizer that panics refuses its request and no more.
fn guard<T>(call: impl FnOnce() -> Result<T, TokenizeError>) -> Result<T, TokenizeError> {
    catch_unwind(AssertUnwindSafe(call))
        .unwrap_or_else(|panic| Err(TokenizeError::new(panic_message(&*panic))))
}

fn check_ids(
    parameter: &'static str,
    ids: &[TokenId],
    vocabulary: usize,
) -> Result<(), InvalidRequest> {
    match ids.iter().find(|&&id| id as usize >= vocabulary) {
        None => Ok(()),
        Some(id) => Err(InvalidRequest {
            parameter,
            found: format!("a list with the id {id}"),
            allowed: format!("ids under {vocabulary}"),
        }),
    }
}

fn no_tokens() -> InvalidRequest {
    InvalidRequest {
        parameter: "prompt",
        found: "a text without any token".into(),
        allowed: "a text that makes at least one token".into(),
    }
}
