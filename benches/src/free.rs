//! A model that costs nothing, and a tokenizer of plain words: what is left is the loop, the text
//! and the stream.

use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use stream_core::{Message, TokenId, TokenizeError, Tokenizer};
use stream_runtime::{Batch, Engine, EngineConfig, Model, ModelError, Next, Row, Spec, StartError};

/// Ids of bytes; words come after them.
const BYTES: usize = 256;
/// Ids of words.
const WORDS: usize = 1024;
/// Positions in a KV block, as in our engines.
const BLOCK_SIZE: usize = 16;

/// Chooses words without looking at anything, others for every sequence, and calls `before` at the beginning of each step.
pub struct FreeModel<F> {
    spec: Spec,
    before: F,
}

impl<F: FnMut() + Send + 'static> FreeModel<F> {
    /// A model for so many streams at once of so many tokens each, prompt and answer together.
    pub fn new(streams: usize, tokens: usize, vocabulary: usize, before: F) -> Self {
        Self {
            spec: Spec {
                vocabulary,
                context_length: tokens,
                block_size: BLOCK_SIZE,
                blocks: streams * (tokens.div_ceil(BLOCK_SIZE) + 1),
                max_rows: streams,
                max_tokens: 2 * streams,
                step_overhead: 0,
                shares_blocks: true,
            },
            before,
        }
    }

    /// The loop around it, with this tokenizer.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start(self, tokenizer: Arc<dyn Tokenizer>) -> Result<Engine, StartError> {
        let config = EngineConfig {
            queue: self.spec.max_rows,
            ..EngineConfig::new("bench", "free", "none")
        };
        Engine::start(self, tokenizer, config)
    }
}

impl<F: FnMut() + Send + 'static> Model for FreeModel<F> {
    type Ticket = Vec<Next>;

    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn launch(&mut self, batch: &Batch<'_>) -> Result<Vec<Next>, ModelError> {
        (self.before)();
        let words = self.spec.vocabulary - BYTES;
        let sampled = batch.rows.iter().filter(|row| !row.sample.is_empty());
        let word = |row: &Row<'_>| BYTES + (row.start * 7 + row.sequence.0 as usize * 13) % words;
        let next = sampled.map(|row| Next::Token((word(row) as TokenId).into()));
        Ok(next.collect())
    }

    fn collect(&mut self, ticket: Vec<Next>, next: &mut Vec<Next>) -> Result<(), ModelError> {
        next.extend(ticket);
        Ok(())
    }
}

/// What a model does before each step that takes no less than `pace`: it sleeps until the step's
/// time has come. After a step that took longer, the time begins anew.
pub fn paced(pace: Duration) -> impl FnMut() + Send + 'static {
    let mut next = Instant::now();
    move || {
        let now = Instant::now();
        sleep(next.saturating_duration_since(now));
        next = next.max(now) + pace;
    }
}

/// Every byte, and words of five bytes or so with a space in front.
#[derive(Debug)]
pub struct Words {
    table: Vec<Vec<u8>>,
}

impl Default for Words {
    fn default() -> Self {
        let bytes = (0..=u8::MAX).map(|byte| vec![byte]);
        let words = (0..WORDS).map(|word| format!(" w{word}").into_bytes());
        Self {
            table: bytes.chain(words).collect(),
        }
    }
}

impl Tokenizer for Words {
    fn encode(&self, text: &str) -> Result<Vec<TokenId>, TokenizeError> {
        Ok(text.bytes().map(TokenId::from).collect())
    }

    fn render_chat(&self, _messages: &[Message]) -> Result<String, TokenizeError> {
        Err(TokenizeError::new("plain words have no chat template"))
    }

    fn token_bytes(&self, id: TokenId) -> Option<&[u8]> {
        self.table.get(id as usize).map(Vec::as_slice)
    }

    fn vocabulary_size(&self) -> usize {
        self.table.len()
    }

    fn end_ids(&self) -> &[TokenId] {
        &[]
    }
}
