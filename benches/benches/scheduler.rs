//! Planning a step, and finding a prompt in the prefix cache, without a model.
//!
//! ```text
//! cargo bench -p stream-benches --bench scheduler
//! ```
//!
//! A step is what the loop does for it: every stream grants a permit, the plan is made, each row
//! is done, and full blocks are shared. The baseline gives each sequence its next position and
//! knows no blocks, permits or budget. A prompt of 512 tokens is added, planned, computed in one
//! step, shared and removed; its baseline is a map from whole prefixes to blocks, filled block by
//! block.

use std::collections::HashMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use stream_core::TokenId;
use stream_runtime::schedule::{Prefix, Scheduler};
use stream_runtime::{BlockId, SequenceId, Spec};

const BLOCK_SIZE: usize = 16;
/// Tokens of a sequence, where steps are measured.
const LENGTH: usize = 256;
const PROMPT: usize = 512;

fn spec(sequences: usize, tokens: usize, shares_blocks: bool) -> Spec {
    Spec {
        vocabulary: 1 << 16,
        context_length: tokens,
        block_size: BLOCK_SIZE,
        blocks: sequences * tokens.div_ceil(BLOCK_SIZE),
        max_rows: sequences,
        max_tokens: (sequences * BLOCK_SIZE).max(tokens),
        step_overhead: 0,
        shares_blocks,
    }
}

fn prompt(salt: u64, length: usize) -> Vec<TokenId> {
    let id = |i| (salt.wrapping_mul(7_919) + i * 31) as TokenId & 0xffff;
    (0..length as u64).map(id).collect()
}

/// Sequences that decode, and their tokens.
struct Decoding {
    scheduler: Scheduler,
    tokens: Vec<Vec<TokenId>>,
}

impl Decoding {
    fn new(sequences: usize) -> Self {
        let mut scheduler = Scheduler::new(&spec(sequences, LENGTH + 1, true));
        let tokens: Vec<_> = (0..sequences as u64)
            .map(|i| prompt(i, BLOCK_SIZE))
            .collect();
        for (id, tokens) in (0..).map(SequenceId).zip(&tokens) {
            scheduler.add(id, tokens, Prefix::Reused);
        }
        let mut this = Self { scheduler, tokens };
        this.step();
        this
    }

    fn is_full(&self) -> bool {
        self.tokens[0].len() == LENGTH
    }

    fn step(&mut self) {
        for id in 0..self.tokens.len() as u64 {
            self.scheduler.grant(SequenceId(id));
        }
        let plan = self.scheduler.plan();
        for work in plan.work() {
            let tokens = &mut self.tokens[work.sequence.0 as usize];
            self.scheduler.done(work, 0);
            if work.positions.end % BLOCK_SIZE == 0 {
                self.scheduler
                    .share(work.sequence, &tokens[..work.positions.end]);
            }
            tokens.push(7);
        }
    }
}

/// The time of so many steps, without that of beginning anew.
fn decode(sequences: usize, steps: u64) -> Duration {
    let mut time = Duration::ZERO;
    let mut decoding = Decoding::new(sequences);
    for _ in 0..steps {
        if decoding.is_full() {
            decoding = Decoding::new(sequences);
        }
        let start = Instant::now();
        decoding.step();
        time += start.elapsed();
    }
    time
}

fn steps(criterion: &mut Criterion) {
    for sequences in [1, 32, 1_000, 10_000] {
        let mut group = criterion.benchmark_group(format!("a step of {sequences} sequences"));
        group.throughput(Throughput::Elements(sequences as u64));
        group.bench_function("ours", |b| b.iter_custom(|steps| decode(sequences, steps)));
        let mut positions = vec![0_usize; sequences];
        group.bench_function("a list of positions", |b| {
            b.iter(|| {
                let next = positions.iter_mut().enumerate().map(|(id, position)| {
                    *position += 1;
                    (SequenceId(id as u64), *position..*position + 1)
                });
                black_box(next.collect::<Vec<_>>())
            });
        });
    }
}

/// A prompt's whole way through the scheduler.
fn read(scheduler: &mut Scheduler, id: &mut u64, tokens: &[TokenId]) {
    let sequence = SequenceId(*id);
    *id += 1;
    scheduler.add(sequence, tokens, Prefix::Reused);
    scheduler.grant(sequence);
    let plan = scheduler.plan();
    for work in plan.work() {
        scheduler.done(work, 0);
        scheduler.share(sequence, &tokens[..work.positions.end]);
    }
    scheduler.remove(sequence);
}

fn map_of_prefixes(known: &mut HashMap<Vec<TokenId>, BlockId>, tokens: &[TokenId]) -> usize {
    let ends = (BLOCK_SIZE..=tokens.len()).step_by(BLOCK_SIZE);
    let known = ends.filter(|&end| match known.get(&tokens[..end]) {
        Some(_) => true,
        None => {
            known.insert(tokens[..end].to_vec(), end as BlockId);
            false
        }
    });
    known.count()
}

fn prefixes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group(format!("a prompt of {PROMPT} tokens"));
    group.throughput(Throughput::Elements(PROMPT as u64));
    for (name, shares, salted) in [
        ("without a prefix cache", false, true),
        ("nothing is found", true, true),
        ("all is found", true, false),
    ] {
        let mut scheduler = Scheduler::new(&spec(4, PROMPT, shares));
        let (mut id, mut salt) = (0, 0);
        group.bench_function(name, |b| {
            b.iter_batched(
                || {
                    salt += u64::from(salted);
                    prompt(salt, PROMPT)
                },
                |tokens| read(&mut scheduler, &mut id, &tokens),
                criterion::BatchSize::SmallInput,
            );
        });
    }
    let (mut known, tokens) = (HashMap::new(), prompt(0, PROMPT));
    group.bench_function("a map of whole prefixes, all is found", |b| {
        b.iter(|| map_of_prefixes(&mut known, black_box(&tokens)));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = steps, prefixes
}
criterion_main!(benches);
