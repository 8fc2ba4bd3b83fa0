//! Attention over blocks.

/// One layer's cache.
#[derive(Debug, Clone)]
pub struct Cache {
    /// `[blocks, kv_heads, block_size, head_dim]`.
    pub keys: Vec<f32>,
    /// Likewise.
    pub values: Vec<f32>,
    /// Key and value heads.
    pub kv_heads: usize,
    /// Positions in a block.
    pub block_size: usize,
    /// Width of a head.
    pub head_dim: usize,
}

/// What a token sees of its sequence.
#[derive(Debug, Clone, Copy)]
pub struct Sequence<'a> {
    /// Its blocks.
    pub blocks: &'a [u32],
    /// The token's position.
    pub position: usize,
    /// Positions that it sees, itself among them; `None` for all before it.
    pub window: Option<usize>,
}

impl Cache {
    /// Where a position of a head begins in `keys` and `values`.
    pub fn place(&self, blocks: &[u32], position: usize, kv_head: usize) -> usize {
        let block = blocks[position / self.block_size] as usize;
        let row = (block * self.kv_heads + kv_head) * self.block_size;
        (row + position % self.block_size) * self.head_dim
    }
}

/// What one query, rotated and scaled, finds with one key-value head.
pub fn attention(cache: &Cache, kv_head: usize, sequence: Sequence<'_>, query: &[f32]) -> Vec<f64> {
    let end = sequence.position + 1;
    let first = sequence
        .window
        .map_or(0, |window| end.saturating_sub(window));
    let place = |position| cache.place(sequence.blocks, position, kv_head);
    let score = |position| -> f64 {
        let key = &cache.keys[place(position)..][..cache.head_dim];
        let products = query.iter().zip(key);
        products.map(|(&q, &k)| f64::from(q) * f64::from(k)).sum()
    };
    let scores: Vec<f64> = (first..end).map(score).collect();
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = scores.iter().map(|score| (score - largest).exp()).collect();
    let sum: f64 = weights.iter().sum();
    let mut found = vec![0.0; cache.head_dim];
    for (position, weight) in (first..end).zip(weights) {
        let value = &cache.values[place(position)..][..cache.head_dim];
        for (found, &value) in found.iter_mut().zip(value) {
            *found += weight / sum * f64::from(value);
        }
    }
    found
}
