//! What is checked on the caller's thread, before a request is accepted.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use stream_core::{BackendInfo, Enrolled, Roster};
use stream_core::{
    Gate, InvalidRequest, Prompt, Rejection, Request, TokenId, TokenizeError, Tokenizer,
};

use super::panic_message;
use crate::Spec;

/// Decides whether a request can be taken.
pub(super) struct Admission {
    pub(super) info: BackendInfo,
    pub(super) spec: Spec,
    pub(super) tokenizer: Arc<dyn Tokenizer>,
    pub(super) roster: Roster,
    pub(super) default_max_tokens: Option<usize>,
}

/// A good request's place, the tokens of its prompt, and how many it may get.
pub(super) struct Admitted {
    pub(super) place: Enrolled,
    pub(super) prompt: Vec<TokenId>,
    pub(super) max_tokens: usize,
}

impl Admission {
    /// Takes a place first, so that a full queue costs no tokenising.
    pub(super) fn admit(&self, request: &Request, gate: Gate) -> Result<Admitted, Rejection> {
        self.info.capabilities.check(request, &self.info.name)?;
        let place = self
            .roster
            .enroll(gate)
            .map_err(|e| self.count_waiting(e))?;
        self.check_ids("stop_token_ids", request.stop().ids())?;
        let prompt = self.tokenise(request.prompt())?;
        let max_tokens = self.max_tokens(request, prompt.len())?;
        Ok(Admitted {
            place,
            prompt,
            max_tokens,
        })
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

    fn check_ids(&self, parameter: &'static str, ids: &[TokenId]) -> Result<(), InvalidRequest> {
        let vocabulary = self.spec.vocabulary;
        match ids.iter().find(|&&id| id as usize >= vocabulary) {
            None => Ok(()),
            Some(id) => Err(InvalidRequest {
                parameter,
                found: format!("a list with the id {id}"),
                allowed: format!("ids under {vocabulary}"),
            }),
        }
    }

    fn tokenise(&self, prompt: &Prompt) -> Result<Vec<TokenId>, Rejection> {
        let ids = match prompt {
            Prompt::Tokens(ids) => {
                self.check_ids("prompt", ids)?;
                ids.clone()
            }
            text => catch_unwind(AssertUnwindSafe(|| self.encode(text)))
                .unwrap_or_else(|panic| Err(TokenizeError::new(panic_message(&*panic))))?,
        };
        if ids.is_empty() {
            return Err(no_tokens().into());
        }
        Ok(ids)
    }

    fn encode(&self, prompt: &Prompt) -> Result<Vec<TokenId>, TokenizeError> {
        let ids = match prompt {
            Prompt::Chat(messages) => {
                let rendered = self.tokenizer.render_chat(messages)?;
                self.tokenizer.encode_chat(&rendered)?
            }
            Prompt::Raw(text) => self.tokenizer.encode(text)?,
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

fn no_tokens() -> InvalidRequest {
    InvalidRequest {
        parameter: "prompt",
        found: "a text without any token".into(),
        allowed: "a text that makes at least one token".into(),
    }
}
