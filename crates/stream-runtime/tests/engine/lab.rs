//! An engine to experiment with.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::executor::block_on;
use stream_core::Stats;
use stream_core::{
    Backend, BackendExt, Drained, FinishReason, Request, RequestBuilder, Sampling, TokenId,
    TokenStream,
};
use stream_runtime::{Engine, EngineConfig, SequenceId, Spec};
use stream_testkit::{Brain, Control, Faulty, SeenRow, Toy};

use crate::toy;
use crate::words::{KNOWN, VOCABULARY, Words};

pub(crate) struct Lab {
    pub(crate) engine: Engine,
    pub(crate) control: Control,
    pub(crate) brain: Brain,
}

/// Room for everything.
pub(crate) fn spec() -> Spec {
    Spec {
        vocabulary: VOCABULARY,
        context_length: 256,
        block_size: 4,
        blocks: 512,
        max_rows: 8,
        max_tokens: 64,
        step_overhead: 0,
        shares_blocks: true,
    }
}

pub(crate) fn config() -> EngineConfig {
    EngineConfig::new("toy", "hash", "test")
}

impl Lab {
    pub(crate) fn new(brain: Brain, spec: Spec) -> Self {
        Self::with_config(brain, spec, config())
    }

    pub(crate) fn with_config(brain: Brain, spec: Spec, config: EngineConfig) -> Self {
        let control = Control::default();
        let toy = Faulty::new(Toy::thinking(spec, brain.clone()), control.clone());
        let engine = Engine::start(toy, Arc::new(Words::new()), config).unwrap();
        Self {
            engine,
            control,
            brain,
        }
    }

    pub(crate) fn generate(&self, request: RequestBuilder) -> TokenStream {
        self.engine.generate(request.build().unwrap()).unwrap()
    }

    /// What a stream of this request must carry.
    pub(crate) fn expected(
        &self,
        prompt: &[TokenId],
        tokens: usize,
        sampling: &Sampling,
    ) -> Vec<TokenId> {
        toy::answer(&self.brain, prompt, tokens, sampling)
    }

    /// Natural logarithms of the probabilities after some tokens, worked out in double
    /// precision over the ids that the tokenizer has.
    pub(crate) fn teacher_forced(&self, tokens: &[TokenId]) -> Vec<f64> {
        let logits = (self.brain)(tokens);
        let logits = || logits[..KNOWN].iter().map(|&x| f64::from(x));
        let sum: f64 = logits().map(f64::exp).sum();
        logits().map(|x| x - sum.ln()).collect()
    }

    pub(crate) fn drain(&self) -> Drained {
        block_on(self.engine.drain(Instant::now() + Duration::from_secs(30)))
    }

    /// Lets everything end; afterwards nothing is held, and every request was counted once.
    pub(crate) fn settle(self, requests: u64) -> Stats {
        self.control.open();
        assert_eq!(self.drain().aborted, 0);
        let stats = self.engine.stats();
        assert_eq!(
            (stats.running, stats.waiting, stats.kv_blocks_used),
            (0, 0, 0)
        );
        let counted = stats.requests_finished + stats.requests_cancelled + stats.requests_failed;
        assert_eq!(counted, requests, "{stats:?}");
        let hand = self.control.hand();
        let released: BTreeSet<_> = hand.released.iter().collect();
        assert_eq!(released.len(), hand.released.len(), "released twice");
        stats
    }

    /// The steps that had a row for this sequence, by their numbers.
    pub(crate) fn steps_of(&self, sequence: u64) -> Vec<usize> {
        let hand = self.control.hand();
        let numbered = hand.steps.iter().enumerate();
        let has_row = |rows: &[SeenRow]| rows.iter().any(|r| r.sequence == SequenceId(sequence));
        numbered
            .filter(|(_, rows)| has_row(rows))
            .map(|(i, _)| i)
            .collect()
    }
}

/// Greedy, so many tokens, and going on after an end token.
pub(crate) fn greedy(prompt: &[TokenId], tokens: usize) -> RequestBuilder {
    let stop = stream_core::Stop::builder().ignore_eos().build().unwrap();
    Request::tokens(prompt)
        .greedy()
        .max_tokens(tokens)
        .stop(stop)
}

/// The ids of a whole answer that was cut by `max_tokens`.
pub(crate) fn read(stream: TokenStream) -> Vec<TokenId> {
    let completion = stream.blocking().completion().unwrap();
    assert_eq!(completion.reason, FinishReason::Length);
    completion.ids
}
