//! The sampler at the vocabularies of SmolLM2 and Qwen2, beside a full sort and candle's
//! `LogitsProcessor`, on flat and on peaked distributions.
//!
//! `cargo bench -p stream-benches --bench sampler -- "spread 3"` does a part of it.

use std::hint::black_box;
use std::time::Duration;

use candle_core::{Device, Tensor};
use candle_transformers::generation::{LogitsProcessor, Sampling as Candle};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use stream_core::{Mirostat, SamplerStage, Sampling, TokenId, Xtc};
use stream_runtime::Choice;
use stream_runtime::sample::{DrawKey, Sampler};

const VOCABULARIES: [usize; 2] = [49_152, 151_936];
/// Standard deviations of the logits: flat, and about as a language model's.
const SPREADS: [f32; 2] = [0.5, 3.0];

fn row(length: usize, spread: f32) -> Vec<f32> {
    let uniform = |position, choice| {
        DrawKey {
            seed: 1,
            choice,
            position,
        }
        .uniform()
    };
    let normal = |i| {
        let radius = (-2.0 * (1.0 - uniform(i, 0)).ln()).sqrt();
        (radius * (std::f64::consts::TAU * uniform(i, 1)).cos()) as f32
    };
    (0..length as u64).map(|i| normal(i) * spread).collect()
}

fn requests() -> Vec<(&'static str, Sampling)> {
    let b = Sampling::builder;
    let xtc = Xtc {
        probability: 1.0,
        threshold: 1e-4,
    };
    let other_order = [SamplerStage::MinP, SamplerStage::TopK, SamplerStage::TopP];
    let biased = (0..1024).fold(b(), |draft, id| draft.logit_bias(7 * id, 0.0));
    [
        ("greedy", b().temperature(0.0)),
        ("unrestricted", b()),
        ("top-k 40, top-p 0.95", b().top_k(40).top_p(0.95)),
        ("top-k 10000, top-p 0.95", b().top_k(10_000).top_p(0.95)),
        ("top-p 0.95", b().top_p(0.95)),
        ("top-p 0.5", b().top_p(0.5)),
        ("min-p 0.05", b().min_p(0.05)),
        ("top-n-sigma 1", b().top_n_sigma(1.0)),
        ("typical-p 0.9", b().typical_p(0.9)),
        ("epsilon 0.0003", b().epsilon_cutoff(3e-4)),
        ("eta 0.0003", b().eta_cutoff(3e-4)),
        ("xtc", b().xtc(xtc)),
        ("top-k 40, xtc", b().top_k(40).xtc(xtc)),
        ("mirostat", b().mirostat(Mirostat::default())),
        ("logit bias of 1024", biased),
        (
            "min-p 0.05, top-k 40, top-p 0.95",
            b().min_p(0.05)
                .top_k(40)
                .top_p(0.95)
                .sampler_order(other_order),
        ),
    ]
    .map(|(name, draft)| (name, draft.build().expect("the parameters are allowed")))
    .into()
}

/// Top-k and top-p by sorting all ids.
fn full_sort(logits: &[f32], ids: &mut Vec<TokenId>, k: usize, p: f32) -> TokenId {
    ids.clear();
    ids.extend(0..logits.len() as u32);
    ids.sort_unstable_by(|&a, &b| logits[b as usize].total_cmp(&logits[a as usize]));
    let kept = &ids[..k.min(ids.len())];
    let weight = |id: u32| (logits[id as usize] - logits[kept[0] as usize]).exp();
    let total = kept.iter().map(|&id| weight(id)).sum::<f32>();
    let mut left = DrawKey::default().uniform() as f32 * p * total;
    let drawn = kept.iter().find(|&&id| {
        left -= weight(id);
        left < 0.0
    });
    *drawn.unwrap_or(&kept[0])
}

fn sorts(group: &mut BenchmarkGroup<'_, WallTime>, logits: &[f32]) {
    let mut ids = Vec::new();
    for (name, k, p) in [
        ("full sort: top-k 40, top-p 0.95", 40, 0.95),
        ("full sort: top-p 0.95", usize::MAX, 0.95),
    ] {
        group.bench_function(name, |b| {
            b.iter(|| full_sort(black_box(logits), &mut ids, k, p));
        });
    }
}

fn candle(group: &mut BenchmarkGroup<'_, WallTime>, logits: &[f32]) {
    let logits = Tensor::new(logits, &Device::Cpu).expect("a row is a tensor");
    let (p, temperature) = (0.95, 1.0);
    for (name, sampling) in [
        ("candle: greedy", Candle::ArgMax),
        ("candle: unrestricted", Candle::All { temperature }),
        (
            "candle: top-k 40, top-p 0.95",
            Candle::TopKThenTopP {
                k: 40,
                p,
                temperature,
            },
        ),
        ("candle: top-p 0.95", Candle::TopP { p, temperature }),
    ] {
        let mut processor = LogitsProcessor::from_sampling(1, sampling);
        group.bench_function(name, |b| {
            b.iter(|| processor.sample(black_box(&logits)).expect("it is finite"));
        });
    }
}

fn ours(group: &mut BenchmarkGroup<'_, WallTime>, logits: &mut [f32]) {
    let mut sampler = Sampler::new();
    for (name, sampling) in requests() {
        let choice = Choice::new(&sampling);
        group.bench_function(name, |b| {
            b.iter(|| sampler.sample(black_box(logits), &choice));
        });
    }
    let sampling = Sampling::builder().top_k(40).top_p(0.95).build();
    let sampling = sampling.expect("the parameters are allowed");
    let choice = Choice {
        logprobs: Some(5),
        ..Choice::new(&sampling)
    };
    group.bench_function("top-k 40, top-p 0.95, logprobs 5", |b| {
        b.iter(|| sampler.sample(black_box(logits), &choice));
    });
}

fn sampler(criterion: &mut Criterion) {
    for (length, spread) in VOCABULARIES.iter().flat_map(|&n| SPREADS.map(|s| (n, s))) {
        let mut group = criterion.benchmark_group(format!("{length} ids, spread {spread}"));
        let mut logits = row(length, spread);
        sorts(&mut group, &logits);
        candle(&mut group, &logits);
        ours(&mut group, &mut logits);
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800));
    targets = sampler
}
criterion_main!(benches);
