//! A model of one's own in one file: it writes letters as often as they follow each other in a
//! text that it has read. The runtime makes a whole backend of it: batches, streams, sampling,
//! stop strings, cancellation.
//!
//! This model needs nothing but the last token. One that looks further back keeps what it needs
//! in the blocks that the runtime assigns to each row, see [`Row::blocks`].

use std::io::Write;
use std::sync::Arc;

use stream_core::{
    BackendExt, Message, Request, Sampling, Stop, TokenId, TokenizeError, Tokenizer,
};
use stream_runtime::sample::Sampler;
use stream_runtime::{
    Batch, Engine, EngineConfig, Model, ModelError, Next, Row, Spec, StartError, Task,
};

const TEXT: &str = "the rain came over the hill and the wind went with the rain. \
    then the sun rose on the wet stones and the hill was warm. and the wind went home. ";

/// One id for each byte, and one for the end.
const VOCABULARY: usize = 257;
const END: [TokenId; 1] = [256];

struct Bigrams {
    spec: Spec,
    /// How often a byte follows another.
    counts: Vec<[f32; VOCABULARY]>,
    sampler: Sampler,
}

impl Bigrams {
    fn read(text: &str) -> Self {
        let mut counts = vec![[0.0; VOCABULARY]; VOCABULARY];
        for pair in text.as_bytes().windows(2) {
            counts[usize::from(pair[0])][usize::from(pair[1])] += 1.0;
        }
        Self {
            spec: Spec {
                vocabulary: VOCABULARY,
                context_length: 4096,
                block_size: 64,
                blocks: 1024,
                max_rows: 16,
                max_tokens: 256,
                step_overhead: 0,
                shares_blocks: true,
            },
            counts,
            sampler: Sampler::new(),
        }
    }

    /// Does a row's task with what follows the token at `index`.
    fn perform(&mut self, row: &Row<'_>, index: usize, task: &Task<'_>) -> Next {
        let mut logits = self.counts[row.tokens[index] as usize].map(f32::ln);
        self.sampler.perform(&mut logits, task)
    }
}

impl Model for Bigrams {
    type Ticket = Vec<Next>;

    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn launch(&mut self, batch: &Batch<'_>) -> Result<Vec<Next>, ModelError> {
        let mut chosen = Vec::new();
        for row in batch.rows {
            let tasks = row.tasks();
            chosen.extend(tasks.map(|(index, task)| self.perform(row, index, &task)));
        }
        Ok(chosen)
    }

    fn collect(&mut self, chosen: Vec<Next>, next: &mut Vec<Next>) -> Result<(), ModelError> {
        next.extend(chosen);
        Ok(())
    }
}

/// Bytes are their own ids.
struct Bytes {
    bytes: [u8; 256],
}

impl Tokenizer for Bytes {
    fn encode(&self, text: &str) -> Result<Vec<TokenId>, TokenizeError> {
        Ok(text.bytes().map(TokenId::from).collect())
    }

    fn render_chat(&self, _: &[Message]) -> Result<String, TokenizeError> {
        Err(TokenizeError::new(
            "this model cannot chat: send a raw prompt",
        ))
    }

    fn token_bytes(&self, id: TokenId) -> Option<&[u8]> {
        match id as usize {
            byte @ 0..256 => Some(&self.bytes[byte..=byte]),
            _ => END.contains(&id).then_some(&[]),
        }
    }

    fn vocabulary_size(&self) -> usize {
        VOCABULARY
    }

    fn end_ids(&self) -> &[TokenId] {
        &END
    }
}

/// A model that has read the text.
pub(crate) fn model() -> impl Model {
    Bigrams::read(TEXT)
}

/// The model as a backend.
pub(crate) fn engine(model: impl Model) -> Result<Engine, StartError> {
    let tokenizer = Bytes {
        bytes: std::array::from_fn(|byte| byte as u8),
    };
    let config = EngineConfig::new("bigrams", "rain", "cpu (1 thread)");
    Engine::start(model, Arc::new(tokenizer), config)
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = engine(model())?;
    let prompt = "the ";
    print!("{prompt}");
    let request = Request::raw(prompt)
        .sampling(Sampling::builder().seed(5).build()?)
        .stop(Stop::builder().string(".").include_in_output().build()?)
        .max_tokens(200)
        .build()?;
    for token in engine.generate(request)? {
        print!("{}", token?.text);
        std::io::stdout().flush()?;
    }
    println!();
    let refused = engine.generate(Request::user("hello").build()?);
    println!("{}", refused.expect_err("it cannot chat"));
    Ok(())
}
