//! A GGUF file (`docs/gguf.md` of ggml), with the keys that llama.cpp asks for.

use std::io::Write;

use anyhow::Result;

use super::blocks::Encoding;
use super::shape::Shape;
use super::tensors::{self, Tensor};
use super::{Options, Quant, Whole, vocabulary};

const ALIGNMENT: usize = 32;

enum Value {
    U32(u32),
    F32(f32),
    Bool(bool),
    Text(String),
    Texts(Vec<String>),
    I32s(Vec<i32>),
}

/// A tensor's place in the file.
struct Planned {
    name: String,
    /// Innermost first.
    dimensions: Vec<usize>,
    encoding: Encoding,
    content: Content,
}

enum Content {
    Random(Tensor),
    Given(Vec<f32>),
}

impl Planned {
    fn bytes(&self) -> usize {
        match &self.content {
            Content::Random(tensor) => self.encoding.bytes(tensor),
            Content::Given(values) => 4 * values.len(),
        }
    }

    fn write(&self, seed: u64, out: &mut impl Write) -> Result<()> {
        match &self.content {
            Content::Random(tensor) => self.encoding.write(tensor, seed, out)?,
            Content::Given(values) => {
                for value in values {
                    out.write_all(&value.to_le_bytes())?;
                }
            }
        }
        let padding = self.bytes().next_multiple_of(ALIGNMENT) - self.bytes();
        Ok(out.write_all(&[0; ALIGNMENT][..padding])?)
    }
}

pub(super) fn write(options: &Options) -> Result<()> {
    let planned = plan(options);
    let header = header(&metadata(options.shape, options.quant), &planned);
    let mut whole = Whole::create(&options.out)?;
    whole.file.write_all(&header)?;
    for tensor in &planned {
        tensor.write(options.seed, &mut whole.file)?;
    }
    whole.finish()
}

fn plan(options: &Options) -> Vec<Planned> {
    let shape = options.shape;
    let random = |tensor: Tensor| Planned {
        name: tensor.gguf_name(),
        dimensions: tensor.dimensions().into_iter().rev().collect(),
        encoding: Encoding::of(&tensor, options.quant, shape.layers),
        content: Content::Random(tensor),
    };
    let given = |divisors: Vec<f32>| Planned {
        name: "rope_freqs.weight".to_owned(),
        dimensions: vec![divisors.len()],
        encoding: Encoding::F32,
        content: Content::Given(divisors),
    };
    let scaling = shape.scaling.as_ref();
    let divisors = scaling.map(|scaling| scaling.divisors(shape.rotary_base, shape.head_dim));
    let tensors = tensors::of(shape).into_iter().map(random);
    tensors.chain(divisors.map(given)).collect()
}

fn metadata(shape: &Shape, quant: Quant) -> Vec<(String, Value)> {
    let number = |n: usize| Value::U32(n as u32);
    let of_family = [
        ("block_count", number(shape.layers)),
        ("context_length", number(shape.context)),
        ("embedding_length", number(shape.hidden)),
        ("feed_forward_length", number(shape.feed_forward)),
        ("attention.head_count", number(shape.heads)),
        ("attention.head_count_kv", number(shape.kv_heads)),
        ("attention.key_length", number(shape.head_dim)),
        ("attention.value_length", number(shape.head_dim)),
        (
            "attention.layer_norm_rms_epsilon",
            Value::F32(shape.norm_epsilon),
        ),
        ("rope.dimension_count", number(shape.head_dim)),
        ("rope.freq_base", Value::F32(shape.rotary_base)),
        ("vocab_size", number(shape.vocabulary)),
    ];
    let family = shape.family.name();
    let of_family = of_family.map(|(key, value)| (format!("{family}.{key}"), value));
    let text = |text: &str| Value::Text(text.to_owned());
    let general = [
        ("general.architecture", text(family)),
        ("general.name", text(&format!("{} (random)", shape.name))),
        ("general.file_type", Value::U32(file_type(quant))),
        ("general.quantization_version", Value::U32(2)),
    ];
    let named = |(key, value): (&str, Value)| (key.to_owned(), value);
    let general = general.map(named).into_iter();
    let tokenizer = tokenizer(shape.vocabulary).map(named);
    general.chain(of_family).chain(tokenizer).collect()
}

fn tokenizer(count: usize) -> [(&'static str, Value); 9] {
    let (tokens, used) = vocabulary::tokens(count);
    // Normal, control and unused (`llama_token_type`).
    let kind = |id: usize| match id {
        id if id < vocabulary::CONTROL.len() => 3,
        id if id < used => 1,
        _ => 5,
    };
    let kinds = (0..tokens.len()).map(kind).collect();
    let template = vocabulary::CHAT_TEMPLATE.to_owned();
    [
        ("tokenizer.ggml.model", Value::Text("gpt2".to_owned())),
        ("tokenizer.ggml.pre", Value::Text("gpt-2".to_owned())),
        ("tokenizer.ggml.tokens", Value::Texts(tokens)),
        ("tokenizer.ggml.token_type", Value::I32s(kinds)),
        ("tokenizer.ggml.merges", Value::Texts(vocabulary::merges())),
        (
            "tokenizer.ggml.bos_token_id",
            Value::U32(vocabulary::END_OF_TEXT),
        ),
        (
            "tokenizer.ggml.eos_token_id",
            Value::U32(vocabulary::END_OF_TURN),
        ),
        ("tokenizer.ggml.add_bos_token", Value::Bool(false)),
        ("tokenizer.chat_template", Value::Text(template)),
    ]
}

/// `enum llama_ftype` in `llama.h`.
fn file_type(quant: Quant) -> u32 {
    match quant {
        Quant::F32 => 0,
        Quant::F16 => 1,
        Quant::Q4_0 => 2,
        Quant::Q4_1 => 3,
        Quant::Q8_0 => 7,
        Quant::Q4KM => 15,
        Quant::Bf16 => 32,
    }
}

/// Everything before the data, which begins at a multiple of the alignment.
fn header(metadata: &[(String, Value)], tensors: &[Planned]) -> Vec<u8> {
    let mut out = b"GGUF".to_vec();
    out.extend(3_u32.to_le_bytes());
    put_count(&mut out, tensors.len());
    put_count(&mut out, metadata.len());
    for (key, value) in metadata {
        put_text(&mut out, key);
        put_value(&mut out, value);
    }
    let mut offset = 0;
    for tensor in tensors {
        put_text(&mut out, &tensor.name);
        out.extend((tensor.dimensions.len() as u32).to_le_bytes());
        tensor
            .dimensions
            .iter()
            .for_each(|&n| put_count(&mut out, n));
        out.extend(tensor.encoding.ggml().to_le_bytes());
        put_count(&mut out, offset);
        offset += tensor.bytes().next_multiple_of(ALIGNMENT);
    }
    out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
    out
}

/// A value behind the number of its type (`gguf_metadata_value_type`).
fn put_value(out: &mut Vec<u8>, value: &Value) {
    let kind = |out: &mut Vec<u8>, number: u32| out.extend(number.to_le_bytes());
    match value {
        Value::U32(n) => {
            kind(out, 4);
            out.extend(n.to_le_bytes());
        }
        Value::F32(x) => {
            kind(out, 6);
            out.extend(x.to_le_bytes());
        }
        Value::Bool(b) => {
            kind(out, 7);
            out.push(u8::from(*b));
        }
        Value::Text(text) => {
            kind(out, 8);
            put_text(out, text);
        }
        Value::Texts(texts) => {
            kind(out, 9);
            kind(out, 8);
            put_count(out, texts.len());
            texts.iter().for_each(|text| put_text(out, text));
        }
        Value::I32s(numbers) => {
            kind(out, 9);
            kind(out, 5);
            put_count(out, numbers.len());
            numbers.iter().for_each(|n| out.extend(n.to_le_bytes()));
        }
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_count(out, text.len());
    out.extend(text.as_bytes());
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    out.extend((count as u64).to_le_bytes());
}
