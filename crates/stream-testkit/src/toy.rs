//! A model that costs next to nothing and notices when the loop makes a mistake.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use stream_core::TokenId;
use stream_runtime::sample::Sampler;
use stream_runtime::{Batch, Model, ModelError, Next, Row, Spec};

/// The logits after a sequence of tokens, one for each id.
pub type Brain = Arc<dyn Fn(&[TokenId]) -> Vec<f32> + Send + Sync>;

/// Logits without a pattern for so many ids, from −4 to 4.
pub fn hashed(vocabulary: usize) -> Brain {
    Arc::new(move |tokens| {
        let mut seen = DefaultHasher::new();
        tokens.hash(&mut seen);
        let logit = |id: usize| {
            let mut hasher = seen.clone();
            id.hash(&mut hasher);
            (hasher.finish() % 8000) as f32 / 1000.0 - 4.0
        };
        (0..vocabulary).map(logit).collect()
    })
}

/// A model whose logits are a function of every token of the sequence, as it finds them in its
/// paged cache: a wrong block, a wrong position or a lost recomputation is another answer, or an
/// error.
pub struct Toy {
    spec: Spec,
    brain: Brain,
    /// The token and the position that were last written to each slot.
    cache: Vec<(TokenId, usize)>,
    sampler: Sampler,
}

impl Toy {
    /// A model of this shape with logits without a pattern.
    pub fn new(spec: Spec) -> Self {
        let brain = hashed(spec.vocabulary);
        Self::thinking(spec, brain)
    }

    /// A model of this shape with these logits.
    pub fn thinking(spec: Spec, brain: Brain) -> Self {
        Self {
            cache: vec![NOTHING; spec.kv_tokens()],
            spec,
            brain,
            sampler: Sampler::new(),
        }
    }

    /// A small shape for so many ids: blocks of 4, 8 rows, 64 tokens a step, a context of 256.
    pub fn small(vocabulary: usize) -> Spec {
        Spec {
            vocabulary,
            context_length: 256,
            block_size: 4,
            blocks: 512,
            max_rows: 8,
            max_tokens: 64,
            step_overhead: 0,
            shares_blocks: true,
        }
    }

    fn slot(&self, row: &Row<'_>, position: usize) -> usize {
        let block = row.blocks[position / self.spec.block_size] as usize;
        block * self.spec.block_size + position % self.spec.block_size
    }

    fn write(&mut self, row: &Row<'_>) {
        for (position, &token) in (row.start..).zip(row.tokens) {
            let slot = self.slot(row, position);
            self.cache[slot] = (token, position);
        }
    }

    /// All tokens up to one of the row's.
    fn read(&self, row: &Row<'_>, index: usize) -> Result<Vec<TokenId>, ModelError> {
        let token = |position| {
            let (token, written) = self.cache[self.slot(row, position)];
            let sequence = row.sequence;
            let lost = || format!("position {position} of {sequence:?} is not in the cache");
            (written == position)
                .then_some(token)
                .ok_or_else(|| ModelError::new(lost()))
        };
        (0..=row.start + index).map(token).collect()
    }
}

/// What a slot holds that was never written.
const NOTHING: (TokenId, usize) = (0, usize::MAX);

impl Model for Toy {
    type Ticket = Vec<Next>;

    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn launch(&mut self, batch: &Batch<'_>) -> Result<Vec<Next>, ModelError> {
        let mut next = Vec::new();
        for row in batch.rows {
            self.write(row);
            for (index, task) in row.tasks() {
                let mut logits = (self.brain)(&self.read(row, index)?);
                next.push(self.sampler.perform(&mut logits, &task));
            }
        }
        Ok(next)
    }

    fn collect(&mut self, ticket: Vec<Next>, next: &mut Vec<Next>) -> Result<(), ModelError> {
        next.extend(ticket);
        Ok(())
    }

    fn reset(&mut self) -> Result<(), ModelError> {
        self.cache.fill(NOTHING);
        Ok(())
    }
}

impl std::fmt::Debug for Toy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Toy")
            .field("spec", &self.spec)
            .finish_non_exhaustive()
    }
}
