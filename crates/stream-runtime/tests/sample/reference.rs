//! A sampler as it is written in a textbook: in double precision, with a full sort.

use stream_core::{Sampling, TokenId};
use stream_runtime::Choice;
use stream_runtime::sample::{DrawKey, TokenCounts};

/// A choice without history or bans.
pub(crate) fn choice<'a>(sampling: &'a Sampling, history: &'a TokenCounts) -> Choice<'a> {
    Choice {
        sampling,
        key: DrawKey::default(),
        history,
        banned: &[],
    }
}

/// What the parameters leave of a row, in ascending order of ids; `None` where a cut falls so
/// close to a sum or a ratio that rounding may move it.
pub(crate) fn distribution(logits: &[f32], sampling: &Sampling) -> Option<Vec<(TokenId, f64)>> {
    let mut tokens = sorted(logits);
    tokens.truncate(sampling.top_k().map_or(tokens.len(), |k| k as usize));
    let best = tokens.first()?.1;
    let temperature = f64::from(sampling.temperature());
    let weigh = |(id, logit): (TokenId, f64)| (id, ((logit - best) / temperature).exp());
    let weighted = tokens.into_iter().map(weigh).collect();
    let nucleus = top_p(weighted, f64::from(sampling.top_p()))?;
    let kept = min_p(nucleus, f64::from(sampling.min_p()))?;
    let mut normal = normalised(kept);
    normal.sort_unstable_by_key(|&(id, _)| id);
    Some(normal)
}

/// The tokens that are possible at all, the most probable first.
fn sorted(logits: &[f32]) -> Vec<(TokenId, f64)> {
    let all = (0..).zip(logits.iter().map(|&x| f64::from(x)));
    let mut finite: Vec<_> = all.filter(|(_, x)| x.is_finite()).collect();
    finite.sort_by(|a, b| b.1.partial_cmp(&a.1).unwrap().then(a.0.cmp(&b.0)));
    finite
}

fn top_p(tokens: Vec<(TokenId, f64)>, p: f64) -> Option<Vec<(TokenId, f64)>> {
    if p == 1.0 {
        return Some(tokens);
    }
    let total: f64 = tokens.iter().map(|t| t.1).sum();
    let mut sum = 0.0;
    let mut kept = Vec::new();
    for token in tokens {
        sum += token.1 / total;
        kept.push(token);
        if close(sum, p) {
            return None;
        }
        if sum > p {
            break;
        }
    }
    Some(kept)
}

fn min_p(tokens: Vec<(TokenId, f64)>, p: f64) -> Option<Vec<(TokenId, f64)>> {
    if tokens.iter().any(|t| t.1 != 1.0 && close(t.1, p)) {
        return None;
    }
    Some(tokens.into_iter().filter(|t| t.1 >= p).collect())
}

fn normalised(mut tokens: Vec<(TokenId, f64)>) -> Vec<(TokenId, f64)> {
    let total: f64 = tokens.iter().map(|t| t.1).sum();
    tokens.iter_mut().for_each(|t| t.1 /= total);
    tokens
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-5 * b
}

/// A row of logits: what a standard normal variable gives, times `spread`, to a multiple of
/// `grain` so that some are equal; 0 leaves them as they are.
pub(crate) fn row(seed: u64, length: usize, spread: f32, grain: f32) -> Vec<f32> {
    let uniform = |i: usize, choice| {
        let position = i as u64;
        let key = DrawKey {
            seed,
            choice,
            position,
        };
        key.uniform()
    };
    let normal = |i| {
        let radius = (-2.0 * (1.0 - uniform(i, 0)).ln()).sqrt();
        (radius * (std::f64::consts::TAU * uniform(i, 1)).cos()) as f32
    };
    let logits = (0..length).map(|i| normal(i) * spread);
    match grain {
        0.0 => logits.collect(),
        _ => logits.map(|x| (x / grain).round() * grain).collect(),
    }
}
