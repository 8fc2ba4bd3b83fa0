//! A model driven as the token loop drives it, step by step, without the loop.

use stream_core::{Sampling, TokenId};
use stream_runtime::{Batch, BlockId, Choice, Given, Model, ModelError, Next, Row, SequenceId};

/// A row of a step: a stream, the position of its first token, and its tokens.
type Input<'a> = (usize, usize, &'a [TokenId]);

/// A model with the KV blocks of some streams, each of which decodes greedily.
#[derive(Debug)]
pub struct Steps<M> {
    model: M,
    streams: Streams,
}

/// What the rows of a batch refer to.
#[derive(Debug)]
struct Streams {
    blocks: Vec<Vec<BlockId>>,
    sampling: Sampling,
}

impl<M: Model> Steps<M> {
    /// Room for so many streams of so many tokens each.
    ///
    /// # Errors
    /// If the model's KV cache or its steps are too small for that.
    pub fn new(model: M, streams: usize, tokens: usize) -> Result<Self, ModelError> {
        let spec = model.spec();
        let each = tokens.div_ceil(spec.block_size);
        if each * streams > spec.blocks || streams > spec.max_rows {
            return Err(ModelError::new(format!(
                "{streams} streams of {tokens} tokens are more than the model takes: {spec:?}"
            )));
        }
        let of_stream = |stream| (stream * each..(stream + 1) * each).map(|block| block as BlockId);
        let streams = Streams {
            blocks: (0..streams)
                .map(|stream| of_stream(stream).collect())
                .collect(),
            sampling: Sampling::greedy(),
        };
        Ok(Self { model, streams })
    }

    /// The model.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// Reads a prompt of so many tokens, other ones for every stream, in steps as large as the
    /// model takes.
    ///
    /// # Errors
    /// If a step fails.
    pub fn prefill(&mut self, stream: usize, tokens: usize) -> Result<(), ModelError> {
        let (vocabulary, most) = (self.model.spec().vocabulary, self.model.spec().max_tokens);
        let id = |i: usize| ((1_000 + 37 * i + 501 * stream) % vocabulary) as TokenId;
        let prompt: Vec<_> = (0..tokens).map(id).collect();
        for (chunk, start) in prompt.chunks(most).zip((0..).step_by(most)) {
            self.step(&[(stream, start, chunk)])?;
        }
        Ok(())
    }

    /// Makes so many tokens for each of the first `streams` streams, which are `depth` long.
    ///
    /// # Errors
    /// If a step fails.
    pub fn decode(&mut self, streams: usize, depth: usize, steps: usize) -> Result<(), ModelError> {
        let mut tokens = vec![1; streams];
        for position in depth..depth + steps {
            let inputs = tokens.iter().map(std::slice::from_ref).enumerate();
            let rows: Vec<_> = inputs
                .map(|(stream, token)| (stream, position, token))
                .collect();
            tokens = self.step(&rows)?;
        }
        Ok(())
    }

    /// One step, sampled after each row's last token.
    fn step(&mut self, rows: &[Input<'_>]) -> Result<Vec<TokenId>, ModelError> {
        let rows: Vec<_> = rows.iter().map(|row| self.streams.row(*row)).collect();
        let mut next = Vec::new();
        let ticket = self.model.launch(&Batch { rows: &rows })?;
        self.model.collect(ticket, &mut next)?;
        next.into_iter().map(id).collect()
    }
}

impl Streams {
    fn row<'a>(&'a self, (stream, start, tokens): Input<'a>) -> Row<'a> {
        Row {
            sequence: SequenceId(stream as u64),
            blocks: &self.blocks[stream],
            start,
            tokens,
            sample: tokens.len() - 1..tokens.len(),
            given: Given::default(),
            choice: Choice::new(&self.sampling),
        }
    }
}

fn id(next: Next) -> Result<TokenId, ModelError> {
    match next {
        Next::Token(chosen) => Ok(chosen.id),
        other => Err(ModelError::new(format!(
            "the model chose no token: {other:?}"
        ))),
    }
}
