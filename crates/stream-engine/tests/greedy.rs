//! The real model's greedy ids are the same however they come about. `cargo xtask test` fetches
//! the model.

use std::collections::BTreeMap;
use std::sync::Arc;

use backend_candle::{CandleModel, CandleOptions};
use futures::executor::block_on;
use stream_checkpoint::{Checkpoint, default_model};
use stream_engine::core::{BackendExt, Request, Stats, Stop, TokenId, TokenStream};
use stream_runtime::{Engine, EngineConfig};
use stream_testkit::{Control, Faulty, SeenRow};

/// Requests at once, and rows of a step.
const BATCH: usize = 32;

/// Prompts that begin alike and have different lengths. The first few have longer answers.
fn requests() -> Vec<Request> {
    let head =
        "The keeper climbed the stairs in the dark, lit the lamp and looked out at the sea. ";
    let request = |i: usize| {
        let prompt = format!("{head}Night {i}:{}", " a ship far out".repeat(i % 4));
        let stop = Stop::builder().ignore_eos().build().unwrap();
        let tokens = if i < 6 { 40 } else { 5 };
        let request = Request::raw(prompt).greedy().max_tokens(tokens).stop(stop);
        request.build().unwrap()
    };
    (0..BATCH).map(request).collect()
}

/// The engine, with a record of what the model was given.
struct Subject {
    engine: Engine,
    control: Control,
}

impl Subject {
    fn new(options: &CandleOptions, prefix_cache: bool) -> Self {
        let path = default_model::path().expect("a cache folder");
        let checkpoint = Checkpoint::open(path).expect("fetch the model: stream-engine pull");
        let model = CandleModel::load(&checkpoint, options).unwrap();
        let mut config = EngineConfig::new("candle", checkpoint.name(), model.device());
        config.prefix_cache = prefix_cache;
        let control = Control::default();
        let model = Faulty::new(model, control.clone());
        let tokenizer: Arc<_> = checkpoint.tokenizer().clone();
        Self {
            engine: Engine::start(model, tokenizer, config).unwrap(),
            control,
        }
    }

    /// The ids of each request's answer, asked for when the one before has ended.
    fn one_by_one(&self) -> Vec<Vec<TokenId>> {
        let answer = |request| block_on(self.engine.complete(request)).unwrap().ids;
        requests().into_iter().map(answer).collect()
    }

    /// The same with all of them there before the first is answered.
    fn together(&self) -> Vec<Vec<TokenId>> {
        self.control.hold();
        let ask = |request| self.engine.generate(request).unwrap();
        let streams: Vec<_> = requests().into_iter().map(ask).collect();
        self.control.open();
        let ids = |stream: TokenStream| block_on(stream.collect()).unwrap().ids;
        streams.into_iter().map(ids).collect()
    }

    /// Every row of every step since `step`.
    fn steps_since(&self, step: usize) -> Vec<Vec<SeenRow>> {
        self.control.hand().steps[step..].to_vec()
    }

    /// Where each sequence began, those of step `step` and later.
    fn beginnings(&self, step: usize) -> Vec<usize> {
        let mut began = BTreeMap::new();
        for row in self.steps_since(step).iter().flatten() {
            began.entry(row.sequence).or_insert(row.positions.start);
        }
        began.into_values().collect()
    }

    fn stats(&self) -> Stats {
        let stats = self.engine.stats();
        assert_eq!((stats.running, stats.kv_blocks_used), (0, 0));
        stats
    }
}

/// All prompts fit into one step.
fn wide() -> CandleOptions {
    CandleOptions {
        max_rows: BATCH,
        max_step_tokens: 2048,
        ..CandleOptions::default()
    }
}

#[test]
fn ids_are_the_same_alone_together_chunked_cached_and_preempted() {
    let plain = Subject::new(&wide(), false);
    let alone = plain.one_by_one();
    let steps = plain.engine.stats().steps as usize;
    assert_eq!(plain.together(), alone, "in a batch");
    let widest = plain.steps_since(steps).iter().map(Vec::len).max();
    assert_eq!(widest, Some(BATCH));
    assert_eq!(plain.beginnings(0), vec![0; 2 * BATCH]);
    chunked(&alone);
    cached(&alone);
    preempted(&alone);
}

/// A step has a token for each row at least, so that prompts are read a token or a few at a time.
fn chunked(alone: &[Vec<TokenId>]) {
    let subject = Subject::new(
        &CandleOptions {
            max_step_tokens: BATCH,
            ..wide()
        },
        false,
    );
    assert_eq!(subject.together(), alone, "in chunks");
    let steps = subject.steps_since(0);
    let pieces = steps.iter().flatten().filter(|row| !row.sampled).count();
    assert!(pieces > BATCH / 2, "{pieces} chunks");
}

fn cached(alone: &[Vec<TokenId>]) {
    let subject = Subject::new(&wide(), true);
    assert_eq!(
        subject.together(),
        alone,
        "beside one that computes the same"
    );
    let steps = subject.stats().steps as usize;
    let began = subject.beginnings(0);
    assert!(began[1..].iter().all(|&began| began >= 16), "{began:?}");
    assert_eq!(subject.together(), alone, "after a hit");
    let again = subject.beginnings(steps);
    assert!(again.iter().all(|&began| began >= 16), "{again:?}");
    assert!(again.iter().sum::<usize>() > began.iter().sum());
    let hits = began.iter().chain(&again).sum::<usize>();
    assert_eq!(subject.stats().prefix_cache_hits, hits as u64);
}

/// The long answers do not fit into the cache side by side.
fn preempted(alone: &[Vec<TokenId>]) {
    for prefix_cache in [false, true] {
        let tight = CandleOptions {
            kv_tokens: Some(if prefix_cache { 14 } else { 18 } * 16),
            ..wide()
        };
        let subject = Subject::new(&tight, prefix_cache);
        assert_eq!(subject.together(), alone, "preempted");
        let stats = subject.stats();
        assert!(stats.preemptions > 0, "{stats:?}");
        assert_eq!(stats.prefix_cache_hits > 0, prefix_cache, "{stats:?}");
    }
}
