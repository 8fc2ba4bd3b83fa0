//! A Hugging Face folder: `config.json`, safetensors, and what belongs to the tokenizer.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

use super::blocks::Encoding;
use super::shape::Shape;
use super::tensors::{self, Tensor};
use super::{Options, Quant, Whole, vocabulary};

/// Above this, weights are cut into several files; each takes up to this much.
const LARGEST: usize = 2_000_000_000;
const INDEX: &str = "model.safetensors.index.json";

pub(super) fn write(options: &Options) -> Result<()> {
    let folder = &options.out;
    let encoding = encoding(options.quant)?;
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    for (name, value) in description(options.shape, encoding) {
        put_json(&folder.join(name), &value)?;
    }
    let tensors = tensors::of(options.shape);
    let total: usize = tensors.iter().map(|tensor| encoding.bytes(tensor)).sum();
    let most = match options.shard {
        true => LARGEST.min(total / 2),
        false => LARGEST,
    };
    let shards = cut(&tensors, encoding, most);
    let names = shard_names(shards.len());
    for (shard, name) in shards.iter().zip(&names) {
        write_shard(&folder.join(name), shard, encoding, options.seed)?;
    }
    match shards.len() {
        1 => Ok(()),
        _ => put_json(&folder.join(INDEX), &index(&shards, &names, total)),
    }
}

fn encoding(quant: Quant) -> Result<Encoding> {
    match quant {
        Quant::F32 => Ok(Encoding::F32),
        Quant::F16 => Ok(Encoding::F16),
        Quant::Bf16 => Ok(Encoding::Bf16),
        _ => bail!("a folder holds f32, f16 or bf16; the others are for gguf"),
    }
}

/// `dtype` in safetensors, and in a `config.json`.
fn names_of(encoding: Encoding) -> (&'static str, &'static str) {
    match encoding {
        Encoding::F32 => ("F32", "float32"),
        Encoding::F16 => ("F16", "float16"),
        _ => ("BF16", "bfloat16"),
    }
}

fn description(shape: &Shape, encoding: Encoding) -> [(&'static str, Value); 5] {
    let special = json!({
        "bos_token": vocabulary::CONTROL[0],
        "eos_token": vocabulary::CONTROL[2],
        "pad_token": vocabulary::CONTROL[0],
    });
    let mut tokenizer_config = special.clone();
    tokenizer_config["tokenizer_class"] = json!("PreTrainedTokenizerFast");
    tokenizer_config["add_bos_token"] = json!(false);
    tokenizer_config["clean_up_tokenization_spaces"] = json!(false);
    tokenizer_config["model_max_length"] = json!(shape.context);
    tokenizer_config["chat_template"] = json!(vocabulary::CHAT_TEMPLATE);
    let generation = json!({
        "bos_token_id": vocabulary::END_OF_TEXT,
        "eos_token_id": [vocabulary::END_OF_TURN, vocabulary::END_OF_TEXT],
    });
    [
        ("config.json", config(shape, encoding)),
        ("generation_config.json", generation),
        ("tokenizer.json", tokenizer(shape.vocabulary)),
        ("tokenizer_config.json", tokenizer_config),
        ("special_tokens_map.json", special),
    ]
}

fn config(shape: &Shape, encoding: Encoding) -> Value {
    let scaling = shape.scaling.map(|scaling| {
        json!({
            "rope_type": "llama3",
            "factor": scaling.factor,
            "low_freq_factor": scaling.low,
            "high_freq_factor": scaling.high,
            "original_max_position_embeddings": scaling.original_context,
        })
    });
    json!({
        "architectures": [shape.family.class()],
        "model_type": shape.family.name(),
        "num_hidden_layers": shape.layers,
        "hidden_size": shape.hidden,
        "intermediate_size": shape.feed_forward,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_dim,
        "vocab_size": shape.vocabulary,
        "max_position_embeddings": shape.context,
        "rope_theta": shape.rotary_base,
        "rope_scaling": scaling,
        // As a decimal, so that no digit of the single precision shows.
        "rms_norm_eps": shape.norm_epsilon.to_string().parse::<f64>().unwrap_or(1e-5),
        "hidden_act": "silu",
        "attention_bias": false,
        "mlp_bias": false,
        "tie_word_embeddings": true,
        "initializer_range": 0.02,
        "torch_dtype": names_of(encoding).1,
        "bos_token_id": vocabulary::END_OF_TEXT,
        "eos_token_id": vocabulary::END_OF_TURN,
    })
}

/// `tokenizer.json` (the format of the crate `tokenizers`).
fn tokenizer(count: usize) -> Value {
    let (tokens, _) = vocabulary::tokens(count);
    let control = vocabulary::CONTROL.iter().zip(0..);
    let control = control.map(|(content, id)| {
        json!({
            "id": id, "content": content, "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false, "special": true,
        })
    });
    let control: Vec<_> = control.collect();
    let by_text: Map<_, _> = tokens
        .into_iter()
        .zip((0..).map(|id: u32| json!(id)))
        .collect();
    let byte_level = |name: &str| json!({ "type": name, "add_prefix_space": false, "trim_offsets": true, "use_regex": true });
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": control,
        "normalizer": null,
        "pre_tokenizer": byte_level("ByteLevel"),
        "post_processor": byte_level("ByteLevel"),
        "decoder": byte_level("ByteLevel"),
        "model": {
            "type": "BPE",
            "dropout": null,
            "unk_token": null,
            "continuing_subword_prefix": null,
            "end_of_word_suffix": null,
            "fuse_unk": false,
            "byte_fallback": false,
            "ignore_merges": false,
            "vocab": by_text,
            "merges": vocabulary::merges(),
        },
    })
}

/// Cuts a list of tensors where a file would get larger than `most` bytes.
fn cut(tensors: &[Tensor], encoding: Encoding, most: usize) -> Vec<Vec<Tensor>> {
    let mut shards = vec![Vec::new()];
    let mut bytes = 0;
    for tensor in tensors {
        let more = encoding.bytes(tensor);
        if bytes > 0 && bytes + more > most {
            shards.push(Vec::new());
            bytes = 0;
        }
        bytes += more;
        if let Some(shard) = shards.last_mut() {
            shard.push(*tensor);
        }
    }
    shards
}

fn shard_names(count: usize) -> Vec<String> {
    match count {
        1 => vec!["model.safetensors".to_owned()],
        _ => (1..=count)
            .map(|i| format!("model-{i:05}-of-{count:05}.safetensors"))
            .collect(),
    }
}

fn index(shards: &[Vec<Tensor>], names: &[String], total: usize) -> Value {
    let files = shards.iter().zip(names);
    let in_file = |(shard, name): (&Vec<Tensor>, &String)| -> Vec<(String, Value)> {
        let tensors = shard.iter();
        tensors
            .map(|tensor| (tensor.folder_name(), json!(name)))
            .collect()
    };
    let map: Map<_, _> = files.flat_map(in_file).collect();
    json!({ "metadata": { "total_size": total }, "weight_map": map })
}

/// A safetensors file: the length of its header, the header, and the data.
fn write_shard(path: &Path, tensors: &[Tensor], encoding: Encoding, seed: u64) -> Result<()> {
    let mut header = Map::new();
    header.insert("__metadata__".to_owned(), json!({ "format": "pt" }));
    let mut end = 0;
    for tensor in tensors {
        let start = end;
        end += encoding.bytes(tensor);
        let place = json!({
            "dtype": names_of(encoding).0,
            "shape": tensor.dimensions(),
            "data_offsets": [start, end],
        });
        header.insert(tensor.folder_name(), place);
    }
    let mut text = Value::Object(header).to_string();
    text.extend(std::iter::repeat_n(
        ' ',
        text.len().next_multiple_of(8) - text.len(),
    ));
    let mut whole = Whole::create(path)?;
    whole.file.write_all(&(text.len() as u64).to_le_bytes())?;
    whole.file.write_all(text.as_bytes())?;
    for tensor in tensors {
        encoding.write(tensor, seed, &mut whole.file)?;
    }
    whole.finish()
}

fn put_json(path: &Path, value: &Value) -> Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    fs::write(path, text).with_context(|| path.display().to_string())
}
