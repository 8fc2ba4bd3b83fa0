//! How two engines differ.

use serde::Serialize;

use super::answers::{Answers, Position};

/// How an engine differs from the first.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Difference {
    pub(super) engine: String,
    pub(super) device: String,
    /// Positions that were scored by both.
    pub(super) positions: usize,
    /// At how many of them both find the same token the most probable, in percent.
    pub(super) top1_agreement_percent: f64,
    /// Of the log-probabilities of all tokens that both told, in nats.
    pub(super) mean_difference: f64,
    pub(super) largest_difference: f64,
    /// Greedy answers that are the same to their ends.
    pub(super) same_answers: usize,
    pub(super) answers: usize,
    /// The first place where greedy answers differ.
    pub(super) first_divergence: Option<Divergence>,
}

/// Where a greedy answer differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Divergence {
    /// The prompt, from 0.
    pub(super) prompt: usize,
    /// The token of its answer, from 0.
    pub(super) token: usize,
}

impl Difference {
    pub(super) fn new(first: &Answers, other: &Answers) -> Self {
        let pairs: Vec<_> = first.positions.iter().zip(&other.positions).collect();
        let agree = pairs
            .iter()
            .filter(|(a, b)| a.best.is_some() && a.best == b.best)
            .count();
        let apart: Vec<f64> = pairs.iter().flat_map(|(a, b)| apart(a, b)).collect();
        let divergences: Vec<_> = (0..first.greedy.len())
            .filter_map(|prompt| divergence(prompt, first, other))
            .collect();
        Self {
            engine: other.engine.clone(),
            device: other.device.clone(),
            positions: pairs.len(),
            top1_agreement_percent: 100.0 * agree as f64 / pairs.len().max(1) as f64,
            mean_difference: apart.iter().sum::<f64>() / apart.len().max(1) as f64,
            largest_difference: apart.iter().copied().fold(0.0, f64::max),
            same_answers: first.greedy.len() - divergences.len(),
            answers: first.greedy.len(),
            first_divergence: divergences.into_iter().min_by_key(|found| found.token),
        }
    }
}

/// By how much the log-probabilities of the tokens differ that both told.
fn apart(a: &Position, b: &Position) -> Vec<f64> {
    let both = a
        .logprobs
        .iter()
        .filter_map(|(id, a)| Some((a, b.logprobs.get(id)?)));
    both.map(|(a, b)| (a - b).abs()).collect()
}

fn divergence(prompt: usize, first: &Answers, other: &Answers) -> Option<Divergence> {
    let (a, b) = (&first.greedy[prompt], &other.greedy[prompt]);
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let differ = same < a.len().max(b.len());
    differ.then_some(Divergence {
        prompt,
        token: same,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(greedy: &[&[u32]], positions: &[&[(u32, f64)]]) -> Answers {
        let position = |told: &&[(u32, f64)]| Position {
            best: told.first().map(|(id, _)| *id),
            logprobs: told.iter().copied().collect(),
        };
        Answers {
            engine: "x".to_owned(),
            device: "cpu".to_owned(),
            greedy: greedy.iter().map(|ids| ids.to_vec()).collect(),
            texts: Vec::new(),
            positions: positions.iter().map(position).collect(),
        }
    }

    #[test]
    fn differences_are_counted() {
        let a = answers(
            &[&[1, 2, 3], &[4, 5]],
            &[&[(1, -0.5), (2, -1.0)], &[(3, -0.25)]],
        );
        let b = answers(
            &[&[1, 2, 3], &[4]],
            &[&[(2, -0.75), (1, -1.0)], &[(3, -0.25), (9, -3.0)]],
        );
        let difference = Difference::new(&a, &b);
        assert_eq!(
            (difference.positions, difference.top1_agreement_percent),
            (2, 50.0)
        );
        assert_eq!(
            (difference.mean_difference, difference.largest_difference),
            (0.25, 0.5)
        );
        assert_eq!((difference.same_answers, difference.answers), (1, 2));
        let wanted = Divergence {
            prompt: 1,
            token: 1,
        };
        assert_eq!(difference.first_divergence, Some(wanted));
        let same = Difference::new(&a, &a);
        assert_eq!(
            (same.top1_agreement_percent, same.first_divergence),
            (100.0, None)
        );
    }
}
