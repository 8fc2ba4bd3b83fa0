//! What a backend is asked, and how long it may take.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use stream_core::{Prompt, TokenId, Tokenizer};

/// The text of ids, as the model's tokenizer decodes them all at once.
type Decode = Box<dyn Fn(&[TokenId]) -> String + Send + Sync>;

/// What the laws need to know of a backend besides what it says itself.
pub struct Ground {
    pub(crate) prompts: Vec<Prompt>,
    pub(crate) tokens: usize,
    pub(crate) patience: Duration,
    pub(crate) decode: Option<Decode>,
    pub(crate) tokenizer: Option<Arc<dyn Tokenizer>>,
    pub(crate) forced: bool,
    pub(crate) ends_hangs: bool,
}

impl fmt::Debug for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ground")
            .field("prompts", &self.prompts)
            .field("tokens", &self.tokens)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

impl Default for Ground {
    /// Four questions in plain English, answers of 24 tokens, a minute of patience.
    fn default() -> Self {
        let questions = [
            "Tell me a story about the sea.",
            "Why is the sky blue?",
            "One, two, three,",
            "The capital of France is",
        ];
        Self {
            prompts: questions.map(|text| Prompt::Raw(text.to_owned())).into(),
            tokens: 24,
            patience: Duration::from_secs(60),
            decode: None,
            tokenizer: None,
            forced: false,
            ends_hangs: false,
        }
    }
}

impl Ground {
    /// What to ask instead: one prompt at least, each of which can be answered with
    /// [`tokens`](Self::tokens) tokens.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn prompts(mut self, prompts: impl IntoIterator<Item = Prompt>) -> Self {
        self.prompts = prompts.into_iter().collect();
        assert!(
            !self.prompts.is_empty(),
            "a backend must be asked something"
        );
        self
    }

    /// The length of an ordinary answer, 8 tokens at least.
    #[must_use]
    pub fn tokens(mut self, tokens: usize) -> Self {
        self.tokens = tokens.max(8);
        self
    }

    /// The longest that one stream may take. A stream that takes longer has broken the law that
    /// every stream ends.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The backend has one answer to each prompt whatever is drawn, as a script does.
    #[must_use]
    pub fn forced(mut self) -> Self {
        self.forced = true;
        self
    }

    /// The backend ends the streams of a step that hangs, long before the
    /// [`patience`](Self::patience) does: its loop has a short
    /// [`step_timeout`](stream_runtime::EngineConfig::step_timeout).
    #[must_use]
    pub fn ends_hangs(mut self) -> Self {
        self.ends_hangs = true;
        self
    }

    /// How the model's tokenizer decodes ids all at once: with it, streamed text is compared
    /// with the whole.
    #[must_use]
    pub fn decode(mut self, decode: impl Fn(&[TokenId]) -> String + Send + Sync + 'static) -> Self {
        self.decode = Some(Box::new(decode));
        self
    }

    /// The model's tokenizer: with it, answers are forced whose characters are divided in every
    /// way. Unless [`decode`](Self::decode) says how its ids are decoded all at once, that is
    /// their bytes, read as UTF-8.
    #[must_use]
    pub fn tokenizer(mut self, tokenizer: Arc<dyn Tokenizer>) -> Self {
        self.tokenizer = Some(tokenizer.clone());
        if self.decode.is_some() {
            return self;
        }
        self.decode(move |ids| {
            let bytes = ids.iter().filter_map(|&id| tokenizer.token_bytes(id));
            String::from_utf8_lossy(&bytes.collect::<Vec<_>>().concat()).into_owned()
        })
    }
}
