//! Writes Hugging Face folders, right and wrong ones.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};
use stream_checkpoint::{Checkpoint, CheckpointError};
use tempfile::TempDir;

use crate::hugging_face::byte_level;
use crate::tiny_model::{BOS, EOS, FEED_FORWARD, HIDDEN, LAYERS, tokens};

/// A tensor of a safetensors file.
#[derive(Debug, Clone)]
pub(crate) struct Tensor {
    pub(crate) name: String,
    pub(crate) format: &'static str,
    pub(crate) shape: Vec<u64>,
    pub(crate) data: Vec<u8>,
}

impl Tensor {
    /// Values that count up from 0.
    pub(crate) fn f32(name: &str, shape: &[u64]) -> Self {
        let values = 0..shape.iter().product::<u64>();
        Self {
            name: name.to_owned(),
            format: "F32",
            shape: shape.to_vec(),
            data: values.flat_map(|i| (i as f32).to_le_bytes()).collect(),
        }
    }
}

/// The bytes of a safetensors file.
pub(crate) fn safetensors(tensors: &[Tensor]) -> Vec<u8> {
    let mut header = Map::new();
    let mut place = 0;
    for tensor in tensors {
        let end = place + tensor.data.len();
        let info = json!({"dtype": tensor.format, "shape": tensor.shape,
                          "data_offsets": [place, end]});
        header.insert(tensor.name.clone(), info);
        place = end;
    }
    with_header(&Value::Object(header).to_string(), tensors)
}

/// The bytes of a file with a header whatever it says.
pub(crate) fn with_header(header: &str, tensors: &[Tensor]) -> Vec<u8> {
    let mut out = (header.len() as u64).to_le_bytes().to_vec();
    out.extend(header.as_bytes());
    for tensor in tensors {
        out.extend(&tensor.data);
    }
    out
}

/// A folder to be: the smallest Llama, of two layers of width 8.
pub(crate) struct Folder {
    pub(crate) config: Value,
    pub(crate) generation: Option<Value>,
    pub(crate) tokenizer: Value,
    pub(crate) tensors: Vec<Tensor>,
}

/// The folder, to be changed by a test.
pub(crate) fn folder() -> Folder {
    Folder {
        config: config(),
        generation: None,
        tokenizer: byte_level(),
        tensors: tensors(HIDDEN / 2),
    }
}

fn config() -> Value {
    json!({
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": tokens().len(),
        "hidden_size": HIDDEN,
        "intermediate_size": FEED_FORWARD,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "max_position_embeddings": 64,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "hidden_act": "silu",
        "tie_word_embeddings": true,
        "bos_token_id": BOS,
        "eos_token_id": EOS,
    })
}

/// Every tensor of the model, for keys of this width.
fn tensors(keys: u64) -> Vec<Tensor> {
    let vocabulary = tokens().len() as u64;
    let mut tensors = vec![
        Tensor::f32("model.embed_tokens.weight", &[vocabulary, HIDDEN]),
        Tensor::f32("model.norm.weight", &[HIDDEN]),
    ];
    for layer in 0..LAYERS {
        let shapes: [(&str, &[u64]); 9] = [
            ("input_layernorm", &[HIDDEN]),
            ("self_attn.q_proj", &[HIDDEN, HIDDEN]),
            ("self_attn.k_proj", &[keys, HIDDEN]),
            ("self_attn.v_proj", &[keys, HIDDEN]),
            ("self_attn.o_proj", &[HIDDEN, HIDDEN]),
            ("post_attention_layernorm", &[HIDDEN]),
            ("mlp.gate_proj", &[FEED_FORWARD, HIDDEN]),
            ("mlp.up_proj", &[FEED_FORWARD, HIDDEN]),
            ("mlp.down_proj", &[HIDDEN, FEED_FORWARD]),
        ];
        let tensor = |(name, shape): (&str, &[u64])| {
            Tensor::f32(&format!("model.layers.{layer}.{name}.weight"), shape)
        };
        tensors.extend(shapes.map(tensor));
    }
    tensors
}

impl Folder {
    /// Sets a key of `config.json`.
    pub(crate) fn set(&mut self, key: &str, value: Value) {
        self.config[key] = value;
    }

    /// Takes a key out of `config.json`.
    pub(crate) fn remove(&mut self, key: &str) {
        self.config.as_object_mut().expect("an object").remove(key);
    }

    /// Adds tensors to every layer.
    pub(crate) fn add_to_layers(&mut self, tensors: &[(&str, u64)]) {
        for layer in 0..LAYERS {
            for (name, length) in tensors {
                let name = format!("model.layers.{layer}.{name}");
                self.tensors.push(Tensor::f32(&name, &[*length]));
            }
        }
    }

    pub(crate) fn tensor(&mut self, name: &str) -> &mut Tensor {
        let found = self.tensors.iter_mut().find(|tensor| tensor.name == name);
        found.expect("a tensor of the tiny model")
    }

    /// Writes everything but the weights.
    pub(crate) fn write_texts(&self, to: &Path) {
        write(to, "config.json", self.config.to_string());
        write(to, "tokenizer.json", self.tokenizer.to_string());
        if let Some(generation) = &self.generation {
            write(to, "generation_config.json", generation.to_string());
        }
    }

    pub(crate) fn write(&self, to: &Path) {
        self.write_texts(to);
        write(to, "model.safetensors", safetensors(&self.tensors));
    }

    /// Writes the weights as two shards with their index, which is returned.
    pub(crate) fn write_shards(&self, to: &Path) -> Value {
        self.write_texts(to);
        let (first, second) = self.tensors.split_at(5);
        let mut map = Map::new();
        for (name, tensors) in [(SHARDS[0], first), (SHARDS[1], second)] {
            write(to, name, safetensors(tensors));
            map.extend(tensors.iter().map(|t| (t.name.clone(), json!(name))));
        }
        let index = json!({"metadata": {"total_size": 0}, "weight_map": map});
        write(to, INDEX, index.to_string());
        index
    }

    /// Opens it in a folder that is gone afterwards.
    pub(crate) fn open(&self) -> Result<Checkpoint, CheckpointError> {
        let place = place();
        self.write(place.path());
        Checkpoint::open(place.path())
    }
}

pub(crate) const INDEX: &str = "model.safetensors.index.json";
pub(crate) const SHARDS: [&str; 2] = [
    "model-00001-of-00002.safetensors",
    "model-00002-of-00002.safetensors",
];

pub(crate) fn place() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

pub(crate) fn write(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) {
    fs::write(folder.join(name), bytes).expect("written");
}

/// Opens what is there and checks that the error says what it should, and of which file.
pub(crate) fn check_error_at(path: &Path, file: &str, expected: &str) {
    let error = Checkpoint::open(path).expect_err(expected);
    let text = error.to_string();
    assert!(text.contains(expected), "{text}\nexpected: {expected}");
    assert!(error.path().ends_with(file), "{text}\nof: {file}");
}

/// Opens the tiny folder after a change and checks the error.
pub(crate) fn check_folder_error(change: impl FnOnce(&mut Folder), file: &str, expected: &str) {
    let mut folder = folder();
    change(&mut folder);
    let place = place();
    folder.write(place.path());
    check_error_at(place.path(), file, expected);
}
