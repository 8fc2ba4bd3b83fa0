//! Rotation, with the writing of keys and values.

use super::Finding;
use super::numbers::{Noise, digest, error, floats, from_bytes, integers, rounded, to_bytes};
use crate::reference::{HeadNorm, Rotation};
use crate::{Device, DevicePointer, Kernel, Number, Pairing, Rotary};

/// What rounding in `f32` may add, as a part of the largest number.
const SLACK: f64 = 2e-6;
const EPSILON: f32 = 1e-5;

pub(super) fn all<D: Device>(device: &D) -> Result<Vec<Finding>, D::Error> {
    let cases = ROTATIONS
        .iter()
        .flat_map(|case| Number::ALL.map(|number| (case, number)));
    cases
        .map(|(case, number)| case.check(device, number))
        .collect()
}

/// A model's way to rotate.
struct RotaryCase {
    name: &'static str,
    heads: usize,
    kv_heads: usize,
    head_dim: usize,
    pairs: usize,
    pairing: Pairing,
    magnitude: f32,
    normed: bool,
}

const ROTATIONS: [RotaryCase; 4] = [
    RotaryCase {
        name: "neighbours",
        heads: 9,
        kv_heads: 3,
        head_dim: 64,
        pairs: 32,
        pairing: Pairing::Interleaved,
        magnitude: 1.0,
        normed: false,
    },
    RotaryCase {
        name: "halves, normed heads",
        heads: 4,
        kv_heads: 2,
        head_dim: 128,
        pairs: 64,
        pairing: Pairing::Halves,
        magnitude: 1.25,
        normed: true,
    },
    RotaryCase {
        name: "a part of a head",
        heads: 2,
        kv_heads: 2,
        head_dim: 96,
        pairs: 20,
        pairing: Pairing::Halves,
        magnitude: 1.0,
        normed: false,
    },
    RotaryCase {
        name: "no positions, normed heads",
        heads: 2,
        kv_heads: 1,
        head_dim: 32,
        pairs: 0,
        pairing: Pairing::Halves,
        magnitude: 1.0,
        normed: true,
    },
];

/// What stands where nothing was written.
const EMPTY: f32 = 9.0;
const BLOCK: usize = 4;
const BLOCKS: usize = 3;
const SCALE: f32 = 0.125;
/// Position and slot of each token; the second only fills up.
const TOKENS: [(i32, i32); 4] = [(0, 9), (77, -1), (5, 2), (8_191, 4)];

/// What a case is computed from.
struct Input {
    qkv: Vec<f32>,
    query_norm: Vec<f32>,
    key_norm: Vec<f32>,
    frequencies: Vec<f32>,
}

/// What the kernel wrote, as bytes.
struct Output {
    queries: Vec<u8>,
    keys: Vec<u8>,
    values: Vec<u8>,
}

impl RotaryCase {
    fn check<D: Device>(&self, device: &D, number: Number) -> Result<Finding, D::Error> {
        let input = self.input();
        let wanted = self.wanted(&input);
        let Output {
            queries,
            keys,
            values,
        } = self.run(device, number, &input)?;
        let found = from_bytes(Number::F32, &queries);
        let of_queries = error(Number::F32, &found, &wanted.qkv, SLACK);
        let of_keys = error(number, &from_bytes(number, &keys), &wanted.keys, SLACK);
        // Values are rounded, and nothing else.
        let exact: Vec<f32> = wanted.values.iter().map(|&x| rounded(number, x)).collect();
        let of_values = match from_bytes(number, &values) == exact {
            true => 0.0,
            false => f64::INFINITY,
        };
        Ok(Finding {
            kernel: Kernel::Rotary(number),
            case: self.name.to_owned(),
            error: of_queries.max(of_keys).max(of_values),
            digest: digest(&[queries, keys, values].concat()),
        })
    }

    fn input(&self) -> Input {
        let mut noise = Noise::new(self.head_dim as u64);
        let width = (self.heads + 2 * self.kv_heads) * self.head_dim;
        Input {
            qkv: noise.numbers(TOKENS.len() * width, 4.0),
            query_norm: noise.numbers(self.head_dim, 2.0),
            key_norm: noise.numbers(self.head_dim, 2.0),
            frequencies: (0..self.pairs).map(|i| 0.7_f32.powi(i as i32)).collect(),
        }
    }

    /// Numbers in the keys of a layer.
    fn cache(&self) -> usize {
        BLOCKS * self.kv_heads * BLOCK * self.head_dim
    }

    fn run<D: Device>(
        &self,
        device: &D,
        number: Number,
        input: &Input,
    ) -> Result<Output, D::Error> {
        let qkv = floats(device, &input.qkv)?;
        let positions = integers(device, &TOKENS.map(|(position, _)| position))?;
        let slots = integers(device, &TOKENS.map(|(_, slot)| slot))?;
        let frequencies = floats(device, &input.frequencies)?;
        let query_norm = floats(device, &input.query_norm)?;
        let key_norm = floats(device, &input.key_norm)?;
        let empty = to_bytes(number, &vec![EMPTY; self.cache()]);
        let (keys, values) = (device.upload(&empty)?, device.upload(&empty)?);
        let norm = |memory| match self.normed {
            true => device.pointer(memory),
            false => DevicePointer::NULL,
        };
        let rotary = Rotary {
            qkv: device.pointer(&qkv),
            positions: device.pointer(&positions),
            slots: device.pointer(&slots),
            frequencies: device.pointer(&frequencies),
            query_norm: norm(&query_norm),
            key_norm: norm(&key_norm),
            keys: device.pointer(&keys),
            values: device.pointer(&values),
            heads: self.heads as u32,
            kv_heads: self.kv_heads as u32,
            head_dim: self.head_dim as u32,
            block_size: BLOCK as u32,
            pairs: self.pairs as u32,
            pairing: self.pairing,
            magnitude: self.magnitude,
            scale: SCALE,
            epsilon: EPSILON,
        };
        // SAFETY: memory and shapes are those above.
        unsafe { device.run(&rotary.launch(number, TOKENS.len() as u32)) }?;
        Ok(Output {
            queries: device.download(&qkv)?,
            keys: device.download(&keys)?,
            values: device.download(&values)?,
        })
    }

    fn wanted(&self, input: &Input) -> Placed {
        let dim = self.head_dim;
        let rotation = Rotation {
            frequencies: &input.frequencies,
            pairing: self.pairing,
            magnitude: self.magnitude,
        };
        let qkv = &input.qkv;
        let norm = |weight| {
            self.normed.then_some(HeadNorm {
                weight,
                epsilon: EPSILON,
            })
        };
        let mut placed = Placed {
            qkv: qkv.iter().map(|&x| f64::from(x)).collect(),
            keys: vec![EMPTY.into(); self.cache()],
            values: vec![EMPTY; self.cache()],
        };
        let width = (self.heads + 2 * self.kv_heads) * dim;
        let real = TOKENS
            .iter()
            .enumerate()
            .filter(|(_, (_, slot))| *slot >= 0);
        for (token, &(position, slot)) in real {
            let (position, slot) = (position as usize, slot as usize);
            for head in 0..self.heads {
                let at = token * width + head * dim;
                let rotated = rotation.place(&qkv[at..][..dim], norm(&input.query_norm), position);
                let scaled = rotated.iter().map(|x| x * f64::from(SCALE));
                placed.qkv.splice(at..at + dim, scaled);
            }
            for head in 0..self.kv_heads {
                let row = (slot / BLOCK * self.kv_heads + head) * BLOCK + slot % BLOCK;
                let place = row * dim..(row + 1) * dim;
                let at = token * width + (self.heads + head) * dim;
                let rotated = rotation.place(&qkv[at..][..dim], norm(&input.key_norm), position);
                placed.keys.splice(place.clone(), rotated);
                let value = &qkv[at + self.kv_heads * dim..][..dim];
                placed.values[place].copy_from_slice(value);
            }
        }
        placed
    }
}

/// What should stand where.
struct Placed {
    qkv: Vec<f64>,
    keys: Vec<f64>,
    values: Vec<f32>,
}
