//! Every format of weights, in a tiny model that is made here: its quantised products against
//! the same weights dequantised to `f32`.

use std::io::Cursor;

use backend_candle::{CandleModel, CandleOptions, InstructionSet, Precision};
use candle_core::quantized::gguf_file::{self, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use stream_checkpoint::Checkpoint;
use stream_core::TokenId;

use crate::support::{Part, forward};

/// A multiple of every format's block.
const HIDDEN: usize = 256;
/// Not a multiple of the 16 rows of a tile.
const VOCABULARY: usize = 59;
const PROMPT: [TokenId; 9] = [3, 1, 4, 1, 5, 9, 2, 6, 50];

/// Some letters, each a token, and what the only merge makes.
fn tokens() -> Vec<Value> {
    let letters = ('A'..).take(VOCABULARY - 1).map(String::from);
    letters
        .chain(["AB".to_owned()])
        .map(Value::String)
        .collect()
}

fn metadata() -> Vec<(&'static str, Value)> {
    let text = |text: &str| Value::String(text.to_owned());
    let types = vec![Value::I32(1); VOCABULARY];
    vec![
        ("general.architecture", text("llama")),
        ("llama.block_count", Value::U32(2)),
        ("llama.context_length", Value::U32(64)),
        ("llama.embedding_length", Value::U32(HIDDEN as u32)),
        ("llama.feed_forward_length", Value::U32(HIDDEN as u32)),
        ("llama.attention.head_count", Value::U32(4)),
        ("llama.attention.head_count_kv", Value::U32(2)),
        ("llama.attention.layer_norm_rms_epsilon", Value::F32(1e-5)),
        ("tokenizer.ggml.model", text("gpt2")),
        ("tokenizer.ggml.pre", text("gpt-2")),
        ("tokenizer.ggml.tokens", Value::Array(tokens())),
        ("tokenizer.ggml.token_type", Value::Array(types)),
        ("tokenizer.ggml.merges", Value::Array(vec![text("A B")])),
        ("tokenizer.ggml.eos_token_id", Value::U32(0)),
    ]
}

/// Values that look random and are the same each time.
fn tensor(name: &str, rows: usize, format: GgmlDType) -> QTensor {
    let mut state = name
        .bytes()
        .fold(1u32, |state, byte| state.wrapping_mul(31) + u32::from(byte));
    let values = (0..rows * HIDDEN).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 * 0.2 - 0.09
    });
    let shape = if rows == 1 {
        vec![HIDDEN]
    } else {
        vec![rows, HIDDEN]
    };
    let values = Tensor::from_vec(values.collect(), shape, &Device::Cpu).unwrap();
    QTensor::quantize(&values, format).unwrap()
}

fn checkpoint(format: GgmlDType) -> Checkpoint {
    let mut tensors = vec![
        (
            "token_embd.weight".to_owned(),
            tensor("token_embd", VOCABULARY, format),
        ),
        (
            "output_norm.weight".to_owned(),
            tensor("output_norm", 1, GgmlDType::F32),
        ),
    ];
    for layer in 0..2 {
        let mut add = |name: &str, rows, format| {
            let name = format!("blk.{layer}.{name}.weight");
            tensors.push((name.clone(), tensor(&name, rows, format)));
        };
        for name in ["attn_norm", "ffn_norm"] {
            add(name, 1, GgmlDType::F32);
        }
        for name in ["attn_k", "attn_v"] {
            add(name, HIDDEN / 2, format);
        }
        for name in ["attn_q", "attn_output", "ffn_gate", "ffn_up", "ffn_down"] {
            add(name, HIDDEN, format);
        }
    }
    let metadata = metadata();
    let metadata: Vec<_> = metadata.iter().map(|(key, value)| (*key, value)).collect();
    let tensors: Vec<_> = tensors
        .iter()
        .map(|(name, tensor)| (name.as_str(), tensor))
        .collect();
    let mut file = Cursor::new(Vec::new());
    gguf_file::write(&mut file, &metadata, &tensors).unwrap();
    Checkpoint::from_bytes("tiny", file.into_inner()).unwrap()
}

fn logits(set: InstructionSet, checkpoint: &Checkpoint, precision: Precision) -> Vec<f32> {
    let options = CandleOptions {
        precision,
        kv_tokens: Some(64),
        ..CandleOptions::default()
    };
    let mut model = CandleModel::load_for(set, checkpoint, &options).unwrap();
    forward(&mut model, &[Part::whole(vec![2, 0, 1], &PROMPT)]).concat()
}

/// The largest difference, as a part of the largest logit.
fn error(found: &[f32], wanted: &[f32]) -> f32 {
    let largest = |values: &mut dyn Iterator<Item = f32>| values.fold(0.0, f32::max);
    let difference = largest(&mut found.iter().zip(wanted).map(|(a, b)| (a - b).abs()));
    difference / largest(&mut wanted.iter().map(|x| x.abs()))
}

#[test]
fn every_format_multiplies_as_its_numbers_do_on_every_instruction_set() {
    use GgmlDType as F;
    // Weights that are kept as numbers differ by the rounding of the cache to half precision
    // alone; the others by that of their activations to 8 bits too.
    for (format, allowed) in [
        (F::F32, 0.001),
        (F::F16, 0.001),
        (F::BF16, 0.001),
        (F::Q4_0, 0.02),
        (F::Q4_1, 0.02),
        (F::Q5_0, 0.02),
        (F::Q5_1, 0.02),
        (F::Q8_0, 0.02),
        (F::Q4K, 0.02),
        (F::Q5K, 0.02),
        (F::Q6K, 0.02),
    ] {
        let checkpoint = checkpoint(format);
        let wanted = logits(InstructionSet::Portable, &checkpoint, Precision::F32);
        let native = logits(InstructionSet::Portable, &checkpoint, Precision::Native);
        let error = error(&native, &wanted);
        println!("{format:?}: {error}");
        assert!(error <= allowed, "{format:?}: {error}");
        for set in InstructionSet::available() {
            assert!(
                logits(set, &checkpoint, Precision::Native) == native,
                "{format:?}, {set}"
            );
        }
    }
}
