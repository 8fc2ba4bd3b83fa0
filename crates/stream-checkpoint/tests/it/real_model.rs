//! The default model's file.

use serde_json::Value;
use stream_checkpoint::{Checkpoint, LayerWeight, TensorFormat, WeightId, default_model};
use stream_core::Tokenizer;

use crate::chat_template::messages;

const PROMPTS: &str = include_str!("../fixtures/smollm2_prompts.json");

fn open() -> Checkpoint {
    let path = default_model::path().expect("a cache folder");
    assert!(
        path.is_file(),
        "{} is not there: run `cargo xtask test`, which fetches it, or set {} to the file",
        path.display(),
        default_model::MODEL_VARIABLE
    );
    Checkpoint::open(path).expect("the default model")
}

#[test]
fn prompts_are_those_of_transformers_and_llama_cpp() {
    let checkpoint = open();
    let tokenizer = checkpoint.tokenizer();
    let cases: Vec<Value> = serde_json::from_str(PROMPTS).expect("a list of cases");
    assert_eq!(cases.len(), 8);
    for case in &cases {
        let name = case["name"].as_str().expect("a name");
        let text = tokenizer.render_chat(&messages(case)).expect(name);
        assert_eq!(
            text,
            case["prompt_text"].as_str().expect("a text"),
            "{name}"
        );
        let ids = tokenizer.encode_chat(&text).expect(name);
        let expected = case["prompt_ids"].as_array().expect("ids");
        let expected: Vec<u64> = expected.iter().filter_map(Value::as_u64).collect();
        assert_eq!(
            ids.iter().map(|id| u64::from(*id)).collect::<Vec<_>>(),
            expected,
            "{name}"
        );
    }
}

#[test]
fn numbers_and_defaults() {
    let checkpoint = open();
    let a = checkpoint.architecture();
    assert_eq!((a.layers, a.hidden, a.feed_forward), (30, 576, 1536));
    assert_eq!((a.heads, a.kv_heads, a.head_dim), (9, 3, 64));
    assert_eq!(
        (a.vocabulary, a.context_length, a.tied_head),
        (49_152, 8_192, true)
    );
    let slowest = 1e5_f64.powf(-62.0 / 64.0) as f32;
    assert_eq!(a.rotary.dimensions, 64);
    assert_eq!(a.rotary.frequencies.last(), Some(&slowest));
    let defaults = checkpoint.defaults();
    assert_eq!(
        (defaults.bos, defaults.eos, defaults.add_bos),
        (Some(1), Some(2), false)
    );
    assert_eq!(defaults.end_ids, [0, 2], "<|endoftext|> and <|im_end|>");
    assert_eq!(checkpoint.weights().iter().count(), 272);
}

#[test]
fn a_byte_that_no_token_stands_for_is_left_out() {
    let checkpoint = open();
    let ids = |text| checkpoint.tokenizer().encode(text).expect("text");
    assert_eq!(ids("a\u{4}\u{6}"), ids("a"));
}

/// FNV-1a over the bytes of the numbers.
fn checksum(values: &[f32]) -> u64 {
    let bytes = values.iter().flat_map(|value| value.to_le_bytes());
    bytes.fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

/// The checksums are of what `gguf.dequantize` of Python's gguf 0.19.0 gives, as little-endian
/// `<f4`, for the same rows.
#[test]
fn tensors_are_those_that_python_reads() {
    let checkpoint = open();
    let layer = |weight| WeightId::Layer(17, weight);
    let cases = [
        (
            WeightId::TokenEmbedding,
            TensorFormat::Q8_0,
            100..164,
            0x72ae_4540_8b43_2c34,
        ),
        (
            layer(LayerWeight::Query),
            TensorFormat::Q4_1,
            0..64,
            0xf081_ca63_15b4_9bf4,
        ),
        (
            layer(LayerWeight::Down),
            TensorFormat::Q4_1,
            512..576,
            0xacf8_d00c_b475_acf4,
        ),
        (
            layer(LayerWeight::AttentionNorm),
            TensorFormat::F32,
            0..1,
            0x8790_0c72_0f71_74aa,
        ),
    ];
    for (id, format, rows, expected) in cases {
        let view = checkpoint.weights().get(id).expect("a weight");
        assert_eq!(view.format(), format, "{id:?}");
        let mut values = vec![0.0; rows.len() * view.shape().1];
        for (row, out) in rows.zip(values.chunks_exact_mut(view.shape().1)) {
            view.row_to_f32(row, out);
        }
        assert_eq!(checksum(&values), expected, "{}", view.name());
    }
}
