//! What an engine is told when it starts.

use std::sync::Arc;
use std::time::Duration;

use stream_core::{BackendInfo, Capabilities, Limits, Support, Tokenizer};

use crate::Spec;
use crate::grammar::GrammarCompiler;

/// How an [`Engine`](super::Engine) presents itself and how much it takes.
#[derive(Clone)]
pub struct EngineConfig {
    /// The backend's name, as users and [`Rejection::Unsupported`](stream_core::Rejection) spell
    /// it: `candle`.
    pub backend: String,
    /// The model's name.
    pub model: String,
    /// The device that really does the work, and how: `cpu (2 threads, avx512-vnni)`.
    pub device: String,
    /// What the engine can do.
    pub capabilities: Capabilities,
    /// Requests that may wait beside the [`Spec::max_rows`] that are worked on.
    pub queue: usize,
    /// Threads that make text, at least 1.
    pub text_threads: usize,
    /// What compiles the grammars that answers must match; without it, a request for one is
    /// rejected.
    pub grammars: Option<Arc<dyn GrammarCompiler>>,
    /// `max_tokens` of a request that leaves it open; `None` is what the context has room for.
    pub default_max_tokens: Option<usize>,
    /// Whether what requests have computed is kept for others that begin with the same tokens,
    /// as long as its KV blocks are not needed otherwise; for a model that
    /// [shares blocks](Spec::shares_blocks). The tokens are the same as without, they come
    /// sooner: somebody who may measure that can find out what others have asked.
    pub prefix_cache: bool,
    /// The longest time that a step of the model may take; `None` is for ever. A step that takes
    /// longer hangs: every stream ends with [`Error::Hung`](stream_core::Error::Hung), and the
    /// engine takes no requests and says in its health that it has failed, until the step ends
    /// after all. It takes up to an eighth longer to notice.
    pub step_timeout: Option<Duration>,
    /// The most tokens of a draft: speculative decoding by prompt lookup, where the model has
    /// something to gain from it ([`Spec::step_overhead`]). 0 is off. A sequence drafts what
    /// followed the last time that its newest tokens stood in prompt or answer, and less or
    /// nothing while that is seldom right, the step is busy, or its stream has little room. The
    /// answer is the same with and without. Nothing is drafted for a request with penalties, DRY,
    /// mirostat, bad words or a grammar: each of its choices depends on the one before.
    pub speculative_tokens: usize,
}

impl EngineConfig {
    /// The defaults: everything done by the shared code, a queue of 256, one text thread, a prefix
    /// cache, two minutes for a step: a first one that compiles its kernels, or a long piece of a
    /// prompt on a slow processor, takes less.
    pub fn new(
        backend: impl Into<String>,
        model: impl Into<String>,
        device: impl Into<String>,
    ) -> Self {
        Self {
            backend: backend.into(),
            model: model.into(),
            device: device.into(),
            capabilities: Capabilities::core(),
            queue: 256,
            text_threads: 1,
            grammars: None,
            default_max_tokens: None,
            prefix_cache: true,
            step_timeout: Some(Duration::from_secs(120)),
            speculative_tokens: 7,
        }
    }

    pub(super) fn check(&self, spec: &Spec, tokenizer: &dyn Tokenizer) -> Result<(), StartError> {
        at_least("text_threads", self.text_threads, 1)?;
        at_least(
            "default_max_tokens",
            self.default_max_tokens.unwrap_or(1),
            1,
        )?;
        let limit = self.step_timeout.unwrap_or(Duration::MAX).as_millis();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        at_least("step_timeout in milliseconds", limit, 1)?;
        at_least("vocabulary", spec.vocabulary, 1)?;
        at_least("vocabulary_size", tokenizer.vocabulary_size(), 1)?;
        at_least("context_length", spec.context_length, 2)?;
        at_least("block_size", spec.block_size, 1)?;
        at_least("blocks", spec.blocks, 1)?;
        at_least("max_rows", spec.max_rows, 1)?;
        // A step must have room for every sequence that decodes.
        at_least("max_tokens", spec.max_tokens, spec.max_rows)
    }

    /// What the engine can do with what it has.
    fn able(&self) -> Capabilities {
        let structured_output = match self.grammars {
            Some(_) => self.capabilities.structured_output,
            None => Support::Unsupported,
        };
        Capabilities {
            structured_output,
            ..self.capabilities
        }
    }

    pub(super) fn info(&self, spec: &Spec) -> BackendInfo {
        BackendInfo {
            name: self.backend.clone(),
            model: self.model.clone(),
            device: self.device.clone(),
            capabilities: self.able(),
            limits: Limits {
                context_length: Some(spec.context_length),
                queue: self.queue,
                concurrent: spec.max_rows,
            },
        }
    }
}

impl std::fmt::Debug for EngineConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineConfig")
            .field("backend", &self.backend)
            .field("model", &self.model)
            .field("device", &self.device)
            .field("capabilities", &self.capabilities)
            .field("queue", &self.queue)
            .field("text_threads", &self.text_threads)
            .field("grammars", &self.grammars.is_some())
            .field("default_max_tokens", &self.default_max_tokens)
            .field("prefix_cache", &self.prefix_cache)
            .field("step_timeout", &self.step_timeout)
            .field("speculative_tokens", &self.speculative_tokens)
            .finish()
    }
}

fn at_least(what: &'static str, found: usize, least: usize) -> Result<(), StartError> {
    if found >= least {
        return Ok(());
    }
    Err(StartError::Impossible { what, found, least })
}

/// Why an engine did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A number in the configuration or in the model's [`Spec`] cannot be.
    #[error("{what} is {found}, but must be at least {least}")]
    Impossible {
        /// The field's name.
        what: &'static str,
        /// Its value.
        found: usize,
        /// The smallest that is possible.
        least: usize,
    },
    /// The system gave no thread.
    #[error("cannot start the thread {name}")]
    Thread {
        /// The thread's name.
        name: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}
