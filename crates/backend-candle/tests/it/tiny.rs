//! Tiny models of any shape with random weights, made here.

use std::io::Cursor;

use candle_core::quantized::gguf_file::{self, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use stream_checkpoint::Checkpoint;

/// The context of each.
pub(crate) const CONTEXT: usize = 512;

/// A model of the Llama family with a tied head.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tiny {
    pub(crate) layers: usize,
    pub(crate) hidden: usize,
    pub(crate) feed_forward: usize,
    pub(crate) heads: usize,
    pub(crate) kv_heads: usize,
    pub(crate) head_dim: usize,
    /// How many of a head's dimensions are rotated.
    pub(crate) rotated: usize,
    pub(crate) vocabulary: usize,
}

impl Tiny {
    pub(crate) const SMALL: Self = Self {
        layers: 2,
        hidden: 32,
        feed_forward: 48,
        heads: 4,
        kv_heads: 2,
        head_dim: 8,
        rotated: 8,
        vocabulary: 50,
    };

    /// All matrices in one format.
    pub(crate) fn checkpoint(&self, format: GgmlDType) -> Checkpoint {
        self.mixed(|_| format)
    }

    /// Each matrix in the format that `format` says for its name, as in `ffn_down`.
    pub(crate) fn mixed(&self, format: impl Fn(&str) -> GgmlDType) -> Checkpoint {
        let metadata = self.metadata();
        let metadata: Vec<_> = metadata.iter().map(|(key, value)| (*key, value)).collect();
        let tensors = self.tensors(format);
        let tensors: Vec<_> = tensors
            .iter()
            .map(|(name, tensor)| (name.as_str(), tensor))
            .collect();
        let mut file = Cursor::new(Vec::new());
        gguf_file::write(&mut file, &metadata, &tensors).unwrap();
        Checkpoint::from_bytes("tiny", file.into_inner()).unwrap()
    }

    fn metadata(&self) -> Vec<(&'static str, Value)> {
        let text = |text: &str| Value::String(text.to_owned());
        let number = |number: usize| Value::U32(number as u32);
        let types = vec![Value::I32(1); self.vocabulary];
        vec![
            ("general.architecture", text("llama")),
            ("llama.block_count", number(self.layers)),
            ("llama.context_length", number(CONTEXT)),
            ("llama.embedding_length", number(self.hidden)),
            ("llama.feed_forward_length", number(self.feed_forward)),
            ("llama.attention.head_count", number(self.heads)),
            ("llama.attention.head_count_kv", number(self.kv_heads)),
            ("llama.attention.key_length", number(self.head_dim)),
            ("llama.attention.value_length", number(self.head_dim)),
            ("llama.rope.dimension_count", number(self.rotated)),
            ("llama.attention.layer_norm_rms_epsilon", Value::F32(1e-5)),
            ("tokenizer.ggml.model", text("gpt2")),
            ("tokenizer.ggml.pre", text("gpt-2")),
            ("tokenizer.ggml.tokens", Value::Array(self.tokens())),
            ("tokenizer.ggml.token_type", Value::Array(types)),
            ("tokenizer.ggml.merges", Value::Array(vec![text("A B")])),
            ("tokenizer.ggml.eos_token_id", Value::U32(0)),
        ]
    }

    /// Some letters, each a token, and what the only merge makes.
    fn tokens(&self) -> Vec<Value> {
        let letters = ('A'..).take(self.vocabulary - 1).map(String::from);
        let all = letters.chain(["AB".to_owned()]);
        all.map(Value::String).collect()
    }

    fn tensors(&self, format: impl Fn(&str) -> GgmlDType) -> Vec<(String, QTensor)> {
        let (hidden, inner) = (self.hidden, self.feed_forward);
        let (queries, keys) = (self.heads * self.head_dim, self.kv_heads * self.head_dim);
        let norm = |name: &str| (format!("{name}.weight"), vector(name, hidden));
        let mut tensors = vec![norm("output_norm")];
        let mut add = |prefix: &str, name: &str, rows, columns| {
            let full = format!("{prefix}{name}.weight");
            let tensor = matrix(&full, rows, columns, format(name));
            tensors.push((full, tensor));
        };
        add("", "token_embd", self.vocabulary, hidden);
        for layer in 0..self.layers {
            let prefix = format!("blk.{layer}.");
            add(&prefix, "attn_q", queries, hidden);
            add(&prefix, "attn_k", keys, hidden);
            add(&prefix, "attn_v", keys, hidden);
            add(&prefix, "attn_output", hidden, queries);
            add(&prefix, "ffn_gate", inner, hidden);
            add(&prefix, "ffn_up", inner, hidden);
            add(&prefix, "ffn_down", hidden, inner);
        }
        let layers = 0..self.layers;
        let norms = layers.flat_map(|layer| {
            ["attn_norm", "ffn_norm"].map(|name| norm(&format!("blk.{layer}.{name}")))
        });
        tensors.extend(norms);
        tensors
    }
}

fn vector(name: &str, length: usize) -> QTensor {
    let values = noise(name, length).map(|x| 1.0 + 0.2 * x).collect();
    tensor(values, &[length], GgmlDType::F32)
}

/// Its outputs are about as large as its inputs.
fn matrix(name: &str, rows: usize, columns: usize, format: GgmlDType) -> QTensor {
    let scale = (3.0 / columns as f32).sqrt();
    let values = noise(name, rows * columns).map(|x| x * scale).collect();
    tensor(values, &[rows, columns], format)
}

fn tensor(values: Vec<f32>, shape: &[usize], format: GgmlDType) -> QTensor {
    let values = Tensor::from_vec(values, shape, &Device::Cpu).unwrap();
    QTensor::quantize(&values, format).unwrap()
}

/// Numbers from −1 to 1 that look random and are the same each time.
fn noise(name: &str, count: usize) -> impl Iterator<Item = f32> {
    let start = name.bytes().fold(1_u32, |state, byte| {
        state.wrapping_mul(31) + u32::from(byte)
    });
    (0..count).scan(start, |state, _| {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Some((*state >> 8) as f32 / (1 << 23) as f32 - 1.0)
    })
}
