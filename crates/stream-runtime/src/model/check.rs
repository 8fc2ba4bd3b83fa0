//! Whether a batch is one that the model can take.

use super::{Batch, ModelError, Row, Spec};

impl Batch<'_> {
    /// Whether a model of this description can take it. The loop makes no other batches; a model
    /// whose memory or time would suffer from one asks before it computes anything.
    ///
    /// # Errors
    /// If there are too many rows or tokens, or a row is empty, too long, longer than its blocks,
    /// or names a token, a block or a position that does not exist.
    pub fn check(&self, spec: &Spec) -> Result<(), ModelError> {
        let tokens: usize = self.rows.iter().map(|row| row.tokens.len()).sum();
        at_most("rows", self.rows.len(), spec.max_rows)?;
        at_most("tokens", tokens, spec.max_tokens)?;
        for (number, row) in self.rows.iter().enumerate() {
            check_row(row, spec).map_err(|e| ModelError::new(format!("row {number}: {e}")))?;
        }
        Ok(())
    }
}

fn check_row(row: &Row<'_>, spec: &Spec) -> Result<(), ModelError> {
    let length = row.start.saturating_add(row.tokens.len());
    at_most("positions", length, spec.context_length)?;
    at_most(
        "positions",
        length,
        row.blocks.len().saturating_mul(spec.block_size),
    )?;
    at_most("sampled positions", row.sample.end, row.tokens.len())?;
    at_most("given tokens", row.given.tokens.len(), row.sample.len())?;
    let ids = row.tokens.iter().map(|&id| id as usize);
    below("token id", ids, spec.vocabulary)?;
    let blocks = row.blocks.iter().map(|&block| block as usize);
    below("block", blocks, spec.blocks)?;
    match row.tokens.is_empty() {
        true => Err(ModelError::new("it has no tokens")),
        false => Ok(()),
    }
}

fn at_most(what: &str, found: usize, most: usize) -> Result<(), ModelError> {
    match found <= most {
        true => Ok(()),
        false => Err(ModelError::new(format!(
            "{found} {what}, at most {most} are possible"
        ))),
    }
}

fn below(
    what: &str,
    mut found: impl Iterator<Item = usize>,
    limit: usize,
) -> Result<(), ModelError> {
    match found.find(|&number| number >= limit) {
        Some(number) => Err(ModelError::new(format!(
            "{what} {number}, must be below {limit}"
        ))),
        None => Ok(()),
    }
}
