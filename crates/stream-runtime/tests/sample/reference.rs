//! A sampler as it is written in a textbook: in double precision, with full sorts, stage by stage.

use std::collections::HashMap;

use stream_core::{SamplerStage, Sampling, TokenId};
use stream_runtime::sample::DrawKey;
use stream_runtime::{Choice, Next};

/// Tokens with their logits, the most probable first.
type Tokens = Vec<(TokenId, f64)>;

/// The token of an outcome, if there is one.
pub(crate) fn id(next: &Next) -> Option<TokenId> {
    match next {
        Next::Token(chosen) => Some(chosen.id),
        _ => None,
    }
}

/// What a choice draws from, in ascending order of ids; `None` where a cut falls so close to a
/// sum, a ratio or a rank that rounding may move it.
pub(crate) fn distribution(logits: &[f32], choice: &Choice<'_>) -> Option<Vec<(TokenId, f64)>> {
    let mut tokens = masked(logits, choice);
    for stage in choice.sampling.active_stages() {
        tokens = apply(stage, sorted(tokens), choice)?;
    }
    if choice.sampling.mirostat().is_some() {
        let floor = (-f64::from(choice.mu)).exp2();
        tokens = floored(sorted(tokens), floor)?;
    }
    let mut normal = normalised(&sorted(tokens));
    normal.sort_unstable_by_key(|&(id, _)| id);
    Some(normal)
}

/// The tokens that are possible at all.
fn masked(logits: &[f32], choice: &Choice<'_>) -> Tokens {
    let usable = logits.iter().take(choice.usable);
    let mut all: Tokens = (0..).zip(usable.map(|&x| f64::from(x))).collect();
    for &(id, bias) in choice.sampling.logit_bias() {
        all[id as usize].1 += f64::from(bias);
    }
    all.retain(|(id, x)| x.is_finite() && !choice.banned.contains(id));
    all
}

fn sorted(mut tokens: Tokens) -> Tokens {
    tokens.sort_by(|a, b| b.1.partial_cmp(&a.1).unwrap().then(a.0.cmp(&b.0)));
    tokens
}

fn apply(stage: SamplerStage, mut tokens: Tokens, choice: &Choice<'_>) -> Option<Tokens> {
    let s = choice.sampling;
    match stage {
        SamplerStage::Penalties => penalise(&mut tokens, choice),
        SamplerStage::Dry => {
            for &(id, penalty) in choice.dry {
                change(&mut tokens, id, |x| x - f64::from(penalty));
            }
        }
        SamplerStage::Temperature => {
            tokens
                .iter_mut()
                .for_each(|t| t.1 /= f64::from(s.temperature()));
        }
        SamplerStage::TopNSigma => return top_n_sigma(tokens, s.top_n_sigma().into()),
        SamplerStage::TopK => return top_k(tokens, s.top_k().unwrap() as usize),
        SamplerStage::TopP => return up_to(normalised(&tokens), &tokens, s.top_p().into()),
        SamplerStage::TypicalP => return typical(tokens, s),
        SamplerStage::EpsilonCutoff => return floored(tokens, s.epsilon_cutoff().into()),
        SamplerStage::EtaCutoff => {
            let epsilon = f64::from(s.eta_cutoff());
            let eta = epsilon.min(epsilon.sqrt() * (-entropy(&normalised(&tokens))).exp());
            return floored(tokens, eta);
        }
        SamplerStage::MinP => {
            let best = normalised(&tokens).first()?.1;
            return floored(tokens, f64::from(s.min_p()) * best);
        }
        SamplerStage::Xtc => return exclude(tokens, choice),
    }
    Some(tokens)
}

fn change(tokens: &mut Tokens, id: TokenId, by: impl Fn(f64) -> f64) {
    tokens
        .iter_mut()
        .filter(|t| t.0 == id)
        .for_each(|t| t.1 = by(t.1));
}

fn penalise(tokens: &mut Tokens, choice: &Choice<'_>) {
    let s = choice.sampling;
    for (id, count) in choice.history.iter() {
        let repetition = f64::from(s.repetition_penalty());
        let presence = f64::from(s.presence_penalty()) * f64::from(count.min(1));
        let frequency = f64::from(s.frequency_penalty()) * f64::from(count);
        let repeated = |x: f64| {
            if x > 0.0 {
                x / repetition
            } else {
                x * repetition
            }
        };
        change(tokens, id, |x| repeated(x) - presence - frequency);
    }
}

/// A tie is broken by the ids; what is not quite a tie is not judged.
fn top_k(mut tokens: Tokens, k: usize) -> Option<Tokens> {
    if let (Some(last), Some(next)) = (tokens.get(k - 1), tokens.get(k))
        && last.1 != next.1
        && (last.1 - next.1).abs() < 1e-4
    {
        return None;
    }
    tokens.truncate(k);
    Some(tokens)
}

fn top_n_sigma(tokens: Tokens, n: f64) -> Option<Tokens> {
    let count = tokens.len() as f64;
    let mean = tokens.iter().map(|t| t.1).sum::<f64>() / count;
    let variance = tokens.iter().map(|t| (t.1 - mean).powi(2)).sum::<f64>() / count;
    let best = tokens.first()?.1;
    let floor = best - n * variance.sqrt();
    let moved =
        |t: &(TokenId, f64)| t.1 != best && (t.1 - floor).abs() < 1e-4 * best.abs().max(1.0);
    if tokens.iter().any(moved) {
        return None;
    }
    Some(
        tokens
            .into_iter()
            .filter(|t| t.1 >= floor || t.1 == best)
            .collect(),
    )
}

/// The first tokens, in the order of `probabilities`, that hold `p` together.
fn up_to(probabilities: Vec<(TokenId, f64)>, tokens: &Tokens, p: f64) -> Option<Tokens> {
    let logits: HashMap<_, _> = tokens.iter().copied().collect();
    let mut sum = 0.0;
    let mut kept = Vec::new();
    for (id, probability) in probabilities {
        sum += probability;
        kept.push((id, logits[&id]));
        if close(sum, p) {
            return None;
        }
        if sum > p {
            break;
        }
    }
    Some(kept)
}

fn typical(tokens: Tokens, sampling: &Sampling) -> Option<Tokens> {
    let mut probabilities = normalised(&tokens);
    let entropy = entropy(&probabilities);
    let distance = |p: f64| (-p.ln() - entropy).abs();
    probabilities.sort_by(|a, b| distance(a.1).total_cmp(&distance(b.1)).then(a.0.cmp(&b.0)));
    let kept = up_to(probabilities.clone(), &tokens, sampling.typical_p().into())?;
    if let (Some(last), Some(next)) = (
        probabilities.get(kept.len() - 1),
        probabilities.get(kept.len()),
    ) && last.1 != next.1
        && (distance(last.1) - distance(next.1)).abs() < 1e-4 * (1.0 + distance(last.1))
    {
        return None;
    }
    Some(kept)
}

/// What is at least so probable, and the first.
fn floored(tokens: Tokens, floor: f64) -> Option<Tokens> {
    let probabilities = normalised(&tokens);
    let best = probabilities.first()?.1;
    let moved = |t: &(TokenId, f64)| close(t.1, floor) && t.1 != best;
    // Of several that are the best, all stay or only the first.
    let undecided = close(best, floor) && floor != best;
    if undecided || probabilities.iter().any(moved) {
        return None;
    }
    let kept = probabilities
        .iter()
        .take_while(|t| t.1 >= floor)
        .count()
        .max(1);
    Some(tokens.into_iter().take(kept).collect())
}

fn exclude(tokens: Tokens, choice: &Choice<'_>) -> Option<Tokens> {
    let xtc = choice.sampling.xtc()?;
    if choice.key.uniform_of_xtc() >= f64::from(xtc.probability) {
        return Some(tokens);
    }
    let threshold = f64::from(xtc.threshold);
    let probabilities = normalised(&tokens);
    if probabilities.iter().any(|t| close(t.1, threshold)) {
        return None;
    }
    let reach = probabilities.iter().filter(|t| t.1 >= threshold).count();
    Some(tokens.into_iter().skip(reach.saturating_sub(1)).collect())
}

/// The logits become probabilities, in the same order.
fn normalised(tokens: &Tokens) -> Vec<(TokenId, f64)> {
    let best = tokens.iter().map(|t| t.1).fold(f64::NEG_INFINITY, f64::max);
    let weigh = |&(id, logit): &(TokenId, f64)| (id, (logit - best).exp());
    let mut weighted: Vec<_> = tokens.iter().map(weigh).collect();
    let total: f64 = weighted.iter().map(|t| t.1).sum();
    weighted.iter_mut().for_each(|t| t.1 /= total);
    weighted
}

fn entropy(probabilities: &[(TokenId, f64)]) -> f64 {
    let possible = probabilities.iter().filter(|t| t.1 > 0.0);
    possible.map(|t| -t.1 * t.1.ln()).sum()
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
