//! The families' fixtures: what a folder and a GGUF file of one model say is the same.

use std::collections::HashMap;
use std::path::Path;

use stream_checkpoint::{
    Architecture, Checkpoint, LayerAttention, LayerWeight, RotaryPairing, TensorView, WeightId,
};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/families");

/// Every folder of the fixtures.
pub(crate) const FAMILIES: [&str; 9] = [
    "llama-2",
    "llama-3",
    "llama-biases",
    "mistral",
    "qwen2",
    "qwen2.5-yarn",
    "qwen3",
    "smollm2",
    "smollm3",
];

fn open(family: &str, file: &str) -> Checkpoint {
    Checkpoint::open(Path::new(FIXTURES).join(family).join(file))
        .unwrap_or_else(|error| panic!("{error}"))
}

fn both(family: &str) -> [Checkpoint; 2] {
    [open(family, "hf"), open(family, &format!("{family}.gguf"))]
}

#[test]
fn both_files_have_one_architecture() {
    for family in FAMILIES {
        let [hf, gguf] = both(family).map(|checkpoint| checkpoint.architecture().clone());
        assert_eq!(hf.rotary.pairing, RotaryPairing::Halves, "{family}");
        // Factors stand in a GGUF file as single-precision divisors.
        let pairs = hf.rotary.frequencies.iter().zip(&gguf.rotary.frequencies);
        for (a, b) in pairs {
            assert!((a - b).abs() <= 1e-6 * a, "{family}: {a} and {b}");
        }
        let mut same = gguf.clone();
        same.family.clone_from(&hf.family);
        same.rotary.clone_from(&hf.rotary);
        assert_eq!(same, hf, "{family}");
        assert!((hf.rotary.magnitude - gguf.rotary.magnitude).abs() < 1e-6);
    }
}

#[test]
fn both_files_have_the_same_weights() {
    for family in FAMILIES {
        let [hf, gguf] = both(family);
        let interleaved = gguf.architecture().rotary.pairing == RotaryPairing::Interleaved;
        for id in WeightId::all(hf.architecture()) {
            let [a, b] = [&hf, &gguf].map(|c| c.weights().get(id).expect("a weight"));
            let mut expected = a.to_f32();
            if interleaved && let Some(heads) = permuted_heads(id, hf.architecture()) {
                expected = interleave(&a, heads);
            }
            assert_eq!(b.to_f32(), expected, "{family}: {id:?}");
        }
    }
}

/// How many heads a weight has whose rows the converter permutes.
fn permuted_heads(id: WeightId, architecture: &Architecture) -> Option<usize> {
    use LayerWeight::{Key, KeyBias, Query, QueryBias};
    match id {
        WeightId::Layer(_, Query | QueryBias) => Some(architecture.heads),
        WeightId::Layer(_, Key | KeyBias) => Some(architecture.kv_heads),
        _ => None,
    }
}

/// Row `i` of the first half of a head goes to `2i`, of the second half to `2i + 1`.
fn interleave(view: &TensorView<'_>, heads: usize) -> Vec<f32> {
    let numbers = view.to_f32();
    let head = numbers.len() / heads;
    // A bias is a column.
    let width = if view.shape().0 == 1 {
        1
    } else {
        view.shape().1
    };
    let half = head / width / 2;
    let row = |head_at: usize, row: usize| {
        let from = head_at * head + (row % 2 * half + row / 2) * width;
        numbers[from..from + width].to_vec()
    };
    (0..heads)
        .flat_map(|at| {
            (0..2 * half)
                .flat_map(move |i| row(at, i))
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn what_sets_each_family_apart() {
    let found: HashMap<_, _> = FAMILIES
        .map(|family| (family, open(family, "hf").architecture().clone()))
        .into();
    let names = FAMILIES.map(|family| found[family].family.as_str());
    let expected = [
        "llama", "llama", "llama", "mistral", "qwen2", "qwen2", "qwen3", "llama", "smollm3",
    ];
    assert_eq!(names, expected);
    let windows = |family: &str| found[family].attention.iter().map(|layer| layer.window);
    assert!(windows("mistral").all(|window| window == Some(24)));
    assert!(
        found["llama-3"]
            .attention
            .iter()
            .all(|layer| *layer == LayerAttention::FULL)
    );
    let rotary: Vec<_> = found["smollm3"]
        .attention
        .iter()
        .map(|layer| layer.rotary)
        .collect();
    assert_eq!(rotary, [true, true, true, false]);
    assert!(found["qwen2"].biases.query_key_value && !found["qwen2"].biases.attention_output);
    let all = found["llama-biases"].biases;
    assert!(all.query_key_value && all.attention_output && all.feed_forward);
    assert!(found["qwen3"].qk_norm && !found["qwen2"].qk_norm);
    assert!(found["smollm2"].tied_head && !found["llama-2"].tied_head);
    assert!(found["qwen2.5-yarn"].rotary.magnitude > 1.0);
}
