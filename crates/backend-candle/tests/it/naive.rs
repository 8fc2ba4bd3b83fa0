//! A decoder of the Llama family by the book, in `f64`, one token after the other.

use stream_checkpoint::{Architecture, Checkpoint, LayerWeight, RotaryPairing, WeightId};
use stream_core::TokenId;

/// The logits after each of `tokens`.
pub(crate) fn logits(checkpoint: &Checkpoint, tokens: &[TokenId]) -> Vec<Vec<f64>> {
    let decoder = Decoder {
        checkpoint,
        a: checkpoint.architecture(),
    };
    let mut cache = vec![Vec::new(); decoder.a.layers];
    let step = |(position, &id)| decoder.step(&mut cache, position, id as usize);
    tokens.iter().enumerate().map(step).collect()
}

struct Decoder<'a> {
    checkpoint: &'a Checkpoint,
    a: &'a Architecture,
}

/// Keys and values of a layer, by position.
type Cache = Vec<(Vec<f64>, Vec<f64>)>;

impl Decoder<'_> {
    fn step(&self, cache: &mut [Cache], position: usize, id: usize) -> Vec<f64> {
        let embedding = self.weights(WeightId::TokenEmbedding);
        let mut x = embedding[id * self.a.hidden..][..self.a.hidden].to_vec();
        for (layer, cache) in cache.iter_mut().enumerate() {
            let id = |weight| WeightId::Layer(layer, weight);
            let normed = self.norm(id(LayerWeight::AttentionNorm), &x);
            let found = self.attention(layer, cache, position, &normed);
            add(
                &mut x,
                &self.multiply(id(LayerWeight::AttentionOutput), &found),
            );
            let normed = self.norm(id(LayerWeight::FeedForwardNorm), &x);
            let gate = self.multiply(id(LayerWeight::Gate), &normed);
            let up = self.multiply(id(LayerWeight::Up), &normed);
            let silu = |(g, u): (&f64, &f64)| g / (1.0 + (-g).exp()) * u;
            let gated: Vec<_> = gate.iter().zip(&up).map(silu).collect();
            add(&mut x, &self.multiply(id(LayerWeight::Down), &gated));
        }
        self.multiply(WeightId::OutputHead, &self.norm(WeightId::OutputNorm, &x))
    }

    fn attention(&self, layer: usize, cache: &mut Cache, position: usize, x: &[f64]) -> Vec<f64> {
        let id = |weight| WeightId::Layer(layer, weight);
        let (dim, group) = (self.a.head_dim, self.a.heads / self.a.kv_heads);
        let mut query = self.multiply(id(LayerWeight::Query), x);
        let mut key = self.multiply(id(LayerWeight::Key), x);
        let heads = query.chunks_mut(dim).chain(key.chunks_mut(dim));
        heads.for_each(|head| self.rotate(head, position));
        cache.push((key, self.multiply(id(LayerWeight::Value), x)));
        let head = |(head, query): (usize, &[f64])| {
            let at = head / group * dim..(head / group + 1) * dim;
            let score = |key: &[f64]| (dot(query, &key[at.clone()]) / (dim as f64).sqrt()).exp();
            let scores: Vec<_> = cache.iter().map(|(key, _)| score(key)).collect();
            let sum: f64 = scores.iter().sum();
            let value = |d: usize| {
                let pairs = cache.iter().zip(&scores);
                pairs
                    .map(|((_, value), score)| value[d] * score)
                    .sum::<f64>()
                    / sum
            };
            at.clone().map(value).collect::<Vec<_>>()
        };
        query.chunks(dim).enumerate().flat_map(head).collect()
    }

    fn rotate(&self, head: &mut [f64], position: usize) {
        let rotary = &self.a.rotary;
        let half = rotary.dimensions / 2;
        for (pair, frequency) in rotary.frequencies.iter().enumerate() {
            let (sine, cosine) = (position as f64 * f64::from(*frequency)).sin_cos();
            let (i, j) = match rotary.pairing {
                RotaryPairing::Interleaved => (2 * pair, 2 * pair + 1),
                RotaryPairing::Halves => (pair, pair + half),
            };
            let (a, b) = (head[i], head[j]);
            (head[i], head[j]) = (a * cosine - b * sine, a * sine + b * cosine);
        }
    }

    fn norm(&self, id: WeightId, x: &[f64]) -> Vec<f64> {
        let mean = dot(x, x) / x.len() as f64;
        let factor = 1.0 / (mean + f64::from(self.a.norm_epsilon)).sqrt();
        let weights = self.weights(id);
        let normed = x.iter().zip(weights).map(|(x, weight)| x * factor * weight);
        normed.collect()
    }

    fn multiply(&self, id: WeightId, x: &[f64]) -> Vec<f64> {
        let weights = self.weights(id);
        weights.chunks(x.len()).map(|row| dot(row, x)).collect()
    }

    fn weights(&self, id: WeightId) -> Vec<f64> {
        let tensor = self.checkpoint.weights().get(id).unwrap();
        tensor.to_f32().into_iter().map(f64::from).collect()
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(a: &mut [f64], b: &[f64]) {
    a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
}
