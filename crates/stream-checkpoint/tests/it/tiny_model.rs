//! The smallest model that is whole: two layers of width 8 over a byte-level vocabulary.

use stream_checkpoint::{Checkpoint, CheckpointError};

use crate::gguf_writer::{File, Tensor, Value};

pub(crate) const HIDDEN: u64 = 8;
pub(crate) const FEED_FORWARD: u64 = 16;
pub(crate) const LAYERS: u64 = 2;

/// Control tokens stand first; then the 256 bytes; then what the merges make.
pub(crate) const BOS: u32 = 0;
pub(crate) const EOS: u32 = 1;
pub(crate) const CONTROL: [&str; 3] = ["<s>", "</s>", "<pad>"];
pub(crate) const USER_DEFINED: [&str; 2] = ["<tool call>", "é!"];
pub(crate) const MERGES: [&str; 5] = ["h e", "l l", "he ll", "hell o", "Ġ w"];

/// The byte-level alphabet, by byte.
pub(crate) fn alphabet() -> Vec<char> {
    let prints = |byte: u32| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    let mut next = 256..;
    (0..256)
        .map(|byte| {
            if prints(byte) {
                byte
            } else {
                next.next().expect("endless")
            }
        })
        .map(|number| char::from_u32(number).expect("below 0x150"))
        .collect()
}

pub(crate) fn tokens() -> Vec<String> {
    let bytes = alphabet().into_iter().map(String::from);
    let merged = MERGES.map(|merge| merge.replace(' ', ""));
    let named = CONTROL.into_iter().chain(USER_DEFINED).map(str::to_owned);
    named.chain(bytes).chain(merged).collect()
}

fn types() -> Vec<i32> {
    let mut types = vec![1; tokens().len()];
    types[..CONTROL.len()].fill(3);
    types[CONTROL.len()..][..USER_DEFINED.len()].fill(4);
    types
}

/// The file, to be changed by a test.
pub(crate) fn file() -> File {
    File {
        version: 3,
        alignment: 32,
        metadata: metadata(),
        tensors: tensors(),
    }
}

fn metadata() -> Vec<(String, Value)> {
    let merges = MERGES.map(str::to_owned).to_vec();
    let template = "{% for m in messages %}{{ m.role }}:{{ m.content }}\n{% endfor %}";
    [
        ("general.architecture", Value::text("llama")),
        ("general.name", Value::text("Tiny")),
        ("llama.block_count", Value::U32(LAYERS as u32)),
        ("llama.context_length", Value::U32(64)),
        ("llama.embedding_length", Value::U32(HIDDEN as u32)),
        ("llama.feed_forward_length", Value::U32(FEED_FORWARD as u32)),
        ("llama.attention.head_count", Value::U32(2)),
        ("llama.attention.head_count_kv", Value::U32(1)),
        ("llama.attention.layer_norm_rms_epsilon", Value::F32(1e-5)),
        ("tokenizer.ggml.model", Value::text("gpt2")),
        ("tokenizer.ggml.pre", Value::text("gpt-2")),
        ("tokenizer.ggml.tokens", Value::Strings(tokens())),
        ("tokenizer.ggml.token_type", Value::I32s(types())),
        ("tokenizer.ggml.merges", Value::Strings(merges)),
        ("tokenizer.ggml.bos_token_id", Value::U32(BOS)),
        ("tokenizer.ggml.eos_token_id", Value::U32(EOS)),
        ("tokenizer.chat_template", Value::text(template)),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .to_vec()
}

fn tensors() -> Vec<Tensor> {
    let vocabulary = tokens().len() as u64;
    let mut tensors = vec![
        f32_tensor("token_embd.weight", &[HIDDEN, vocabulary]),
        f32_tensor("output_norm.weight", &[HIDDEN]),
    ];
    for layer in 0..LAYERS {
        let shapes: [(&str, &[u64]); 9] = [
            ("attn_norm", &[HIDDEN]),
            ("attn_q", &[HIDDEN, HIDDEN]),
            ("attn_k", &[HIDDEN, HIDDEN / 2]),
            ("attn_v", &[HIDDEN, HIDDEN / 2]),
            ("attn_output", &[HIDDEN, HIDDEN]),
            ("ffn_norm", &[HIDDEN]),
            ("ffn_gate", &[HIDDEN, FEED_FORWARD]),
            ("ffn_up", &[HIDDEN, FEED_FORWARD]),
            ("ffn_down", &[FEED_FORWARD, HIDDEN]),
        ];
        let named = shapes.map(|(name, shape)| (format!("blk.{layer}.{name}.weight"), shape));
        tensors.extend(named.iter().map(|(name, shape)| f32_tensor(name, shape)));
    }
    tensors
}

/// A tensor whose values count up from 0.
pub(crate) fn f32_tensor(name: &str, dimensions: &[u64]) -> Tensor {
    let values = dimensions.iter().product::<u64>();
    Tensor {
        name: name.to_owned(),
        dimensions: dimensions.to_vec(),
        format: 0,
        offset: None,
        data: (0..values).flat_map(|i| (i as f32).to_le_bytes()).collect(),
    }
}

pub(crate) fn open(file: &File) -> Result<Checkpoint, CheckpointError> {
    Checkpoint::from_bytes("tiny.gguf", file.bytes())
}

/// Opens the tiny model after a change and checks that the error says what it should.
pub(crate) fn check_error(case: &str, change: impl FnOnce(&mut File), expected: &str) {
    let mut file = file();
    change(&mut file);
    check_bytes(case, file.bytes(), expected);
}

/// Opens the tiny model with one value changed and checks the error.
pub(crate) fn check_value(key: &str, value: Value, expected: &str) {
    check_error(key, |file| file.set(key, value), expected);
}

pub(crate) fn check_bytes(case: &str, bytes: Vec<u8>, expected: &str) {
    match Checkpoint::from_bytes("tiny.gguf", bytes) {
        Ok(_) => panic!("{case}: was opened, expected: {expected}"),
        Err(error) => {
            let found = error.to_string();
            assert!(found.starts_with("tiny.gguf: "), "{case}: {found}");
            assert!(
                found.contains(expected),
                "{case}: {found}\nexpected: {expected}"
            );
        }
    }
}
