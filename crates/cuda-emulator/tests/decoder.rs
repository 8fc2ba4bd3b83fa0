//! The kernels put together: the default model in the emulator, with its products on the host in
//! the place of a library's, chooses the reference's tokens.

use cuda_emulator::{Emulator, Memory, Order};
use cuda_kernels::{
    Attention, Device, DevicePointer, Embed, Heads, Launch, Number, Outcome, Pairing, RmsNorm,
    Rotary, Sample, SampleTask, SwiGlu,
};
use stream_checkpoint::{
    Architecture, Checkpoint, LayerWeight, RotaryPairing, WeightId, default_model,
};
use stream_core::Sampling;
use stream_runtime::Choice;

/// Of products' inputs, keys and values.
const NUMBER: Number = Number::F32;
const BLOCK_SIZE: usize = 16;
/// The blocks of the only sequence, in no order.
const TABLE: [i32; 4] = [2, 0, 3, 1];
/// Fewer than positions, so that results are put together.
const CHUNK: u32 = 32;
const DEVICE: Emulator = Emulator {
    order: Order::Forward,
};

/// transformers' greedy answer, in `f32` from the same weights; see the fixture of backend-candle.
const PROMPT: [i32; 37] = [
    1, 9690, 198, 2683, 359, 253, 5356, 5646, 11173, 3365, 3511, 308, 34519, 28, 7018, 411, 407,
    19712, 8182, 2, 198, 1, 4093, 198, 1780, 314, 260, 3575, 282, 4649, 47, 2, 198, 1, 520, 9531,
    198,
];
const ANSWER: [i32; 8] = [504, 3575, 282, 4649, 314, 7042, 30, 2];

#[test]
fn the_reference_answer() {
    let path = default_model::path().expect("a cache folder");
    let missing = "the default model is needed: `stream-engine pull` fetches it, and `cargo xtask \
                   test` does so before it runs the tests";
    let checkpoint = Checkpoint::open(&path).unwrap_or_else(|error| panic!("{error}\n{missing}"));
    let decoder = Decoder::load(&checkpoint);
    // The prompt in two chunks.
    let (first, rest) = PROMPT.split_at(7);
    let mut chosen = decoder.step(first, 0, None);
    chosen = decoder.step(rest, first.len(), Some(&chosen));
    let mut answer = Vec::new();
    for length in PROMPT.len().. {
        answer.push(id(&chosen));
        if answer.len() == ANSWER.len() {
            break;
        }
        // The token stays on the device.
        chosen = decoder.step(&[-1], length, Some(&chosen));
    }
    assert_eq!(answer, ANSWER);
}

fn id(chosen: &Memory) -> i32 {
    let bytes = DEVICE.download(chosen).unwrap();
    Outcome::from_bytes(bytes.try_into().unwrap()).id
}

struct Layer {
    attention_norm: Memory,
    qkv: Vec<f32>,
    output: Vec<f32>,
    feed_forward_norm: Memory,
    gate_up: Vec<f32>,
    down: Vec<f32>,
    keys: Memory,
    values: Memory,
}

struct Decoder<'a> {
    a: &'a Architecture,
    heads: Heads,
    embedding: Memory,
    frequencies: Memory,
    layers: Vec<Layer>,
    norm: Memory,
    head: Vec<f32>,
}

/// Where the tokens of a step stand.
struct Place {
    count: u32,
    positions: Memory,
    slots: Memory,
    table: Memory,
    runs: Memory,
    run_count: u32,
}

impl<'a> Decoder<'a> {
    fn load(checkpoint: &'a Checkpoint) -> Self {
        let a = checkpoint.architecture();
        let numbers = |id| checkpoint.weights().get(id).unwrap().to_f32();
        let layer = |layer| {
            let of = |weight| numbers(WeightId::Layer(layer, weight));
            let cache = TABLE.len() * BLOCK_SIZE * a.kv_heads * a.head_dim;
            use LayerWeight as W;
            Layer {
                attention_norm: floats(&of(W::AttentionNorm)),
                qkv: [of(W::Query), of(W::Key), of(W::Value)].concat(),
                output: of(W::AttentionOutput),
                feed_forward_norm: floats(&of(W::FeedForwardNorm)),
                gate_up: [of(W::Gate), of(W::Up)].concat(),
                down: of(W::Down),
                keys: floats(&vec![f32::NAN; cache]),
                values: floats(&vec![f32::NAN; cache]),
            }
        };
        Self {
            a,
            heads: Heads::new(a.heads as u32, a.kv_heads as u32, a.head_dim as u32).unwrap(),
            embedding: floats(&numbers(WeightId::TokenEmbedding)),
            frequencies: floats(&a.rotary.frequencies),
            layers: (0..a.layers).map(layer).collect(),
            norm: floats(&numbers(WeightId::OutputNorm)),
            head: numbers(WeightId::OutputHead),
        }
    }

    /// Takes some tokens through the model; the outcome after the last.
    fn step(&self, tokens: &[i32], start: usize, chosen: Option<&Memory>) -> Memory {
        let place = Place::new(start, tokens.len(), self.heads.run_tokens() as usize);
        let residual = floats(&vec![f32::NAN; tokens.len() * self.a.hidden]);
        let tokens = integers(tokens);
        let embed = Embed {
            table: DEVICE.pointer(&self.embedding),
            tokens: DEVICE.pointer(&tokens),
            outcomes: chosen.map_or(DevicePointer::NULL, |chosen| DEVICE.pointer(chosen)),
            residual: DEVICE.pointer(&residual),
            vocabulary: self.a.vocabulary as u32,
            width: self.a.hidden as u32,
        };
        run(&embed.launch(NUMBER, place.count));
        let mut added = None;
        for layer in &self.layers {
            let normed = self.norm(
                &residual,
                added.as_ref(),
                &layer.attention_norm,
                None,
                place.count,
            );
            let qkv = product(&normed, &layer.qkv, self.a.hidden);
            let found = self.attend(layer, &qkv, &place);
            let found = product(&found, &layer.output, self.a.heads * self.a.head_dim);
            let normed = self.norm(
                &residual,
                Some(&found),
                &layer.feed_forward_norm,
                None,
                place.count,
            );
            added = Some(self.feed_forward(layer, &normed, place.count));
        }
        let last = integers(&[place.count as i32 - 1]);
        let normed = self.norm(&residual, added.as_ref(), &self.norm, Some(&last), 1);
        self.choose(&product(&normed, &self.head, self.a.hidden))
    }

    fn norm(
        &self,
        residual: &Memory,
        added: Option<&Memory>,
        weight: &Memory,
        tokens: Option<&Memory>,
        rows: u32,
    ) -> Memory {
        let out = floats(&vec![f32::NAN; rows as usize * self.a.hidden]);
        let pointer = |memory: Option<&Memory>| {
            memory.map_or(DevicePointer::NULL, |memory| DEVICE.pointer(memory))
        };
        let norm = RmsNorm {
            residual: DEVICE.pointer(residual),
            added: pointer(added),
            weight: DEVICE.pointer(weight),
            out: DEVICE.pointer(&out),
            tokens: pointer(tokens),
            width: self.a.hidden as u32,
            epsilon: self.a.norm_epsilon,
        };
        run(&norm.launch(NUMBER, rows));
        out
    }

    fn attend(&self, layer: &Layer, qkv: &Memory, place: &Place) -> Memory {
        let (a, width) = (self.a, self.a.heads * self.a.head_dim);
        let rotary = Rotary {
            qkv: DEVICE.pointer(qkv),
            positions: DEVICE.pointer(&place.positions),
            slots: DEVICE.pointer(&place.slots),
            frequencies: DEVICE.pointer(&self.frequencies),
            query_norm: DevicePointer::NULL,
            key_norm: DevicePointer::NULL,
            keys: DEVICE.pointer(&layer.keys),
            values: DEVICE.pointer(&layer.values),
            heads: a.heads as u32,
            kv_heads: a.kv_heads as u32,
            head_dim: a.head_dim as u32,
            block_size: BLOCK_SIZE as u32,
            pairs: a.rotary.frequencies.len() as u32,
            pairing: match a.rotary.pairing {
                RotaryPairing::Interleaved => Pairing::Interleaved,
                RotaryPairing::Halves => Pairing::Halves,
            },
            magnitude: a.rotary.magnitude,
            scale: 1.0 / (a.head_dim as f32).sqrt(),
            epsilon: a.norm_epsilon,
        };
        run(&rotary.launch(NUMBER, place.count));
        let chunks = ((TABLE.len() * BLOCK_SIZE) as u32).div_ceil(CHUNK);
        let partials = floats(&vec![
            f32::NAN;
            place.count as usize * self.heads.partials(chunks)
        ]);
        let out = floats(&vec![f32::NAN; place.count as usize * width]);
        let attention = Attention {
            queries: DEVICE.pointer(qkv),
            keys: DEVICE.pointer(&layer.keys),
            values: DEVICE.pointer(&layer.values),
            tables: DEVICE.pointer(&place.table),
            positions: DEVICE.pointer(&place.positions),
            runs: DEVICE.pointer(&place.runs),
            out: DEVICE.pointer(&out),
            partials: DEVICE.pointer(&partials),
            heads: self.heads,
            query_stride: (width + 2 * a.kv_heads * a.head_dim) as u32,
            table_width: TABLE.len() as u32,
            block_size: BLOCK_SIZE as u32,
            chunk: CHUNK,
            chunks,
            window: None,
        };
        let most = self.heads.run_tokens().min(place.count);
        run(&attention.launch(NUMBER, place.run_count, most));
        run(&attention.combine(NUMBER, place.count));
        out
    }

    fn feed_forward(&self, layer: &Layer, normed: &Memory, tokens: u32) -> Memory {
        let width = self.a.feed_forward;
        let gate_up = product(normed, &layer.gate_up, self.a.hidden);
        let gated = floats(&vec![f32::NAN; tokens as usize * width]);
        let gate = SwiGlu {
            gate_up: DEVICE.pointer(&gate_up),
            out: DEVICE.pointer(&gated),
            width: width as u32,
        };
        run(&gate.launch(NUMBER, tokens));
        product(&gated, &layer.down, width)
    }

    fn choose(&self, logits: &Memory) -> Memory {
        let sampling = Sampling::greedy();
        let task = SampleTask::new(&Choice::new(&sampling), 0).unwrap();
        let tasks = DEVICE.upload(&task.to_bytes()).unwrap();
        let outcome = DEVICE.upload(&[0xFF; Outcome::BYTES]).unwrap();
        let sample = Sample {
            logits: DEVICE.pointer(logits),
            tasks: DEVICE.pointer(&tasks),
            outcomes: DEVICE.pointer(&outcome),
            width: self.a.vocabulary as u32,
        };
        run(&sample.launch(1));
        outcome
    }
}

impl Place {
    fn new(start: usize, count: usize, run_tokens: usize) -> Self {
        let slot = |position: usize| {
            TABLE[position / BLOCK_SIZE] * BLOCK_SIZE as i32 + (position % BLOCK_SIZE) as i32
        };
        let positions: Vec<_> = (start..start + count)
            .map(|position| position as i32)
            .collect();
        let slots: Vec<_> = (start..start + count).map(slot).collect();
        let starts = (0..count).step_by(run_tokens);
        let run = |first: usize| [first as i32, run_tokens.min(count - first) as i32, 0];
        let runs: Vec<_> = starts.flat_map(run).collect();
        Self {
            count: count as u32,
            positions: integers(&positions),
            slots: integers(&slots),
            table: integers(&TABLE),
            runs: integers(&runs),
            run_count: runs.len() as u32 / 3,
        }
    }
}

fn run(launch: &Launch) {
    // SAFETY: every memory has the shape that its kernel is told, and outlives the launch.
    unsafe { DEVICE.run(launch) }.unwrap();
}

fn floats(numbers: &[f32]) -> Memory {
    let bytes: Vec<_> = numbers.iter().flat_map(|x| x.to_ne_bytes()).collect();
    DEVICE.upload(&bytes).unwrap()
}

fn integers(numbers: &[i32]) -> Memory {
    let bytes: Vec<_> = numbers.iter().flat_map(|x| x.to_ne_bytes()).collect();
    DEVICE.upload(&bytes).unwrap()
}

/// Rows of `width` numbers times a matrix whose rows are as long.
fn product(rows: &Memory, matrix: &[f32], width: usize) -> Memory {
    let bytes = DEVICE.download(rows).unwrap();
    let rows: Vec<_> = bytes
        .as_chunks()
        .0
        .iter()
        .map(|&x| f32::from_ne_bytes(x))
        .collect();
    let of_row = |row| matrix.chunks(width).map(move |weights| dot(row, weights));
    let products: Vec<_> = rows.chunks(width).flat_map(of_row).collect();
    floats(&products)
}

/// In as many sums as a processor adds at once.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut sums = [0.0; LANES];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest = a_rest.iter().zip(b_rest).map(|(a, b)| a * b);
    sums.into_iter().chain(rest).sum()
}
