//! A model that costs next to nothing and notices when the loop makes a mistake.

use std::hash::{DefaultHasher, Hash, Hasher};

use stream_core::TokenId;
use stream_runtime::sample::Sampler;
use stream_runtime::{Batch, Model, ModelError, Next, Row, Spec};

/// Logits without a pattern, made from every token of the sequence as the model finds it in its
/// paged cache: a wrong block, a wrong position or a lost recomputation is another answer.
#[derive(Debug)]
pub struct Toy {
    spec: Spec,
    /// The token and the position that were last written to each slot.
    cache: Vec<(TokenId, usize)>,
    sampler: Sampler,
}

impl Toy {
    /// A model of this shape.
    pub fn new(spec: Spec) -> Self {
        Self {
            cache: vec![(0, usize::MAX); spec.kv_tokens()],
            spec,
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

    /// The logits after a token of the row.
    fn logits(&self, row: &Row<'_>, index: usize) -> Result<Vec<f32>, ModelError> {
        let mut seen = DefaultHasher::new();
        for position in 0..=row.start + index {
            let (token, written) = self.cache[self.slot(row, position)];
            if written != position {
                let message = format!(
                    "position {position} of {:?} is not in the cache",
                    row.sequence
                );
                return Err(ModelError::new(message));
            }
            token.hash(&mut seen);
        }
        let logit = |id: usize| {
            let mut hasher = seen.clone();
            id.hash(&mut hasher);
            (hasher.finish() % 8000) as f32 / 1000.0 - 4.0
        };
        Ok((0..self.spec.vocabulary).map(logit).collect())
    }
}

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
                let mut logits = self.logits(row, index)?;
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
        self.cache.fill((0, usize::MAX));
        Ok(())
    }
}
