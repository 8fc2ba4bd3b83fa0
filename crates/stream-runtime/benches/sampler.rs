//! The sampler at the vocabularies of SmolLM2 and Qwen2, beside a full sort.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use stream_core::Sampling;
use stream_runtime::Choice;
use stream_runtime::sample::{DrawKey, Sampler, TokenCounts};

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

fn requests() -> [(&'static str, Sampling); 6] {
    let b = Sampling::builder;
    [
        ("greedy", b().temperature(0.0)),
        ("unrestricted", b()),
        ("top-k 40, top-p 0.95", b().top_k(40).top_p(0.95)),
        ("top-k 10000, top-p 0.95", b().top_k(10_000).top_p(0.95)),
        ("top-p 0.95", b().top_p(0.95)),
        ("min-p 0.05", b().min_p(0.05)),
    ]
    .map(|(name, draft)| (name, draft.build().expect("the parameters are allowed")))
}

/// Top-k 40 and top-p 0.95 by sorting all ids.
fn full_sort(logits: &[f32], ids: &mut Vec<u32>, key: DrawKey) -> u32 {
    ids.clear();
    ids.extend(0..logits.len() as u32);
    ids.sort_unstable_by(|&a, &b| logits[b as usize].total_cmp(&logits[a as usize]));
    let kept = &ids[..40];
    let weight = |id: u32| (logits[id as usize] - logits[kept[0] as usize]).exp();
    let mut left = key.uniform() as f32 * 0.95 * kept.iter().map(|&id| weight(id)).sum::<f32>();
    let drawn = kept.iter().find(|&&id| {
        left -= weight(id);
        left < 0.0
    });
    *drawn.unwrap_or(&kept[0])
}

fn sampler(criterion: &mut Criterion) {
    let history = TokenCounts::default();
    for (length, spread) in VOCABULARIES.iter().flat_map(|&n| SPREADS.map(|s| (n, s))) {
        let mut group = criterion.benchmark_group(format!("sample {length} ids, spread {spread}"));
        let mut logits = row(length, spread);
        let mut ids = Vec::new();
        group.bench_function("full sort", |b| {
            b.iter(|| full_sort(black_box(&logits), &mut ids, DrawKey::default()));
        });
        for (name, sampling) in requests() {
            let mut sampler = Sampler::new();
            let choice = Choice {
                sampling: &sampling,
                key: DrawKey::default(),
                history: &history,
                banned: &[],
            };
            group.bench_function(BenchmarkId::from_parameter(name), |b| {
                b.iter(|| sampler.sample(black_box(&mut logits), &choice));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, sampler);
criterion_main!(benches);
