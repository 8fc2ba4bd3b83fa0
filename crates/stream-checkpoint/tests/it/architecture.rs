//! Hyper-parameters: what is read from them and what is refused.

use stream_checkpoint::{Architecture, Biases, Fault, LayerAttention, Rotary, RotaryPairing};

use crate::gguf_writer::{File, Value};
use crate::tiny_model::{check_error, check_value, f32_tensor, file, open, tokens};

#[test]
fn numbers_are_read() {
    let checkpoint = open(&file()).expect("the tiny model");
    let expected = Architecture {
        family: "llama".to_owned(),
        vocabulary: tokens().len(),
        context_length: 64,
        hidden: 8,
        feed_forward: 16,
        layers: 2,
        heads: 2,
        kv_heads: 1,
        head_dim: 4,
        norm_epsilon: 1e-5,
        rotary: Rotary {
            dimensions: 4,
            pairing: RotaryPairing::Interleaved,
            frequencies: vec![1.0, 0.01],
            magnitude: 1.0,
        },
        biases: Biases::default(),
        qk_norm: false,
        attention: vec![LayerAttention::FULL; 2],
        tied_head: true,
    };
    assert_eq!(checkpoint.architecture(), &expected);
    assert_eq!(checkpoint.name(), "Tiny");
}

#[test]
fn a_model_without_a_name_is_called_as_its_file() {
    for nameless in [None, Some(Value::text(""))] {
        let mut file = file();
        file.remove("general.name");
        if let Some(value) = nameless {
            file.set("general.name", value);
        }
        assert_eq!(open(&file).expect("the tiny model").name(), "tiny");
    }
}

#[test]
fn defaults_of_the_family() {
    let mut full = file();
    full.remove("llama.attention.head_count_kv");
    for layer in 0..2 {
        for name in ["attn_k", "attn_v"] {
            let name = format!("blk.{layer}.{name}.weight");
            *full.tensor(&name) = f32_tensor(&name, &[8, 8]);
        }
    }
    let checkpoint = open(&full).expect("as many KV heads as heads");
    assert_eq!(checkpoint.architecture().kv_heads, 2);
}

#[test]
fn heads_of_another_width() {
    let mut wide = file();
    wide.set("llama.attention.key_length", Value::U32(6));
    wide.set("llama.attention.value_length", Value::U32(6));
    wide.set("llama.rope.dimension_count", Value::U32(4));
    wide.set("llama.rope.freq_base", Value::F32(5e5));
    for layer in 0..2 {
        for (name, shape) in [
            ("attn_q", [8, 12]),
            ("attn_k", [8, 6]),
            ("attn_v", [8, 6]),
            ("attn_output", [12, 8]),
        ] {
            let name = format!("blk.{layer}.{name}.weight");
            *wide.tensor(&name) = f32_tensor(&name, &shape);
        }
    }
    let checkpoint = open(&wide).expect("heads wider than hidden / heads");
    let architecture = checkpoint.architecture();
    assert_eq!(
        (architecture.head_dim, architecture.rotary.dimensions),
        (6, 4)
    );
    let frequencies = [1.0, 5e5_f64.powf(-0.5) as f32];
    assert_eq!(architecture.rotary.frequencies, frequencies);
}

#[test]
fn heads_out_of_range() {
    let [heads, kv_heads] = ["head_count", "head_count_kv"].map(|k| format!("llama.attention.{k}"));
    check_value(
        &heads,
        Value::U32(0),
        "head_count`: is 0, must be 1 to 65536",
    );
    let hidden = "is 3, which does not divide `llama.embedding_length` = 8";
    check_value(&heads, Value::U32(3), hidden);
    check_value(
        &heads,
        Value::I32s(vec![2, 2]),
        "is an array of 2, must be an integer",
    );
    check_value(
        &kv_heads,
        Value::U32(0),
        "head_count_kv`: is 0, must be 1 to 65536",
    );
    let divide = "is 3, which does not divide `llama.attention.head_count` = 2";
    check_value(&kv_heads, Value::U32(3), divide);
}

#[test]
fn sizes_out_of_range() {
    let layers = "llama.block_count";
    let range = "is the integer 1099511627776, must be an integer from 0 to 4096";
    check_value(layers, Value::U64(1 << 40), range);
    check_value(
        layers,
        Value::U64(u64::MAX),
        "is the integer 18446744073709551615, must",
    );
    check_value(
        layers,
        Value::I32(-1),
        "is the integer -1, must be an integer from 0",
    );
    check_value(
        layers,
        Value::F32(2.0),
        "is the float 2, must be an integer",
    );
    let hidden = "llama.embedding_length";
    check_value(hidden, Value::U32(0), "is 0, must be 1 to 16777216");
    check_value(
        hidden,
        Value::U32(u32::MAX),
        "must be an integer from 0 to 16777216",
    );
    let feed_forward = "llama.feed_forward_length";
    check_value(
        feed_forward,
        Value::text("16"),
        "is a string, must be an integer",
    );
    check_value(
        "llama.context_length",
        Value::U64(1 << 40),
        "is the integer 1099511627776",
    );
    let vocabulary = "is 7, but the tokenizer has 266 tokens";
    check_value("llama.vocab_size", Value::U32(7), vocabulary);
}

#[test]
fn norms_and_positions_out_of_range() {
    let epsilon = "llama.attention.layer_norm_rms_epsilon";
    check_value(epsilon, Value::F32(f32::NAN), "is NaN, must be finite");
    check_value(epsilon, Value::F32(0.0), "is 0, must be above 0");
    let base = "llama.rope.freq_base";
    check_value(base, Value::F32(-1.0), "is -1, must be above 0");
    check_value(
        base,
        Value::Bool(true),
        "is the boolean true, must be a number",
    );
    let dimensions = "llama.rope.dimension_count";
    let even = "must be even and at most the head's width 4";
    check_value(dimensions, Value::U32(6), &format!("is 6, {even}"));
    check_value(dimensions, Value::U32(3), &format!("is 3, {even}"));
}

#[test]
fn what_must_be_there() {
    for key in [
        "general.architecture",
        "llama.block_count",
        "llama.context_length",
        "llama.embedding_length",
        "llama.feed_forward_length",
        "llama.attention.head_count",
        "llama.attention.layer_norm_rms_epsilon",
        "tokenizer.ggml.model",
        "tokenizer.ggml.tokens",
        "tokenizer.ggml.merges",
    ] {
        let expected = format!("metadata `{key}`: is missing");
        check_error(key, |file| file.remove(key), &expected);
    }
}

#[test]
fn another_family_is_named_with_the_known_ones() {
    let mut other = file();
    other.set("general.architecture", Value::text("gemma3"));
    let error = open(&other).expect_err("not a Llama");
    assert!(
        matches!(error.fault(), Fault::UnsupportedArchitecture { found, .. } if found == "gemma3")
    );
    let expected =
        "tiny.gguf: has the architecture `gemma3`; known are: llama, qwen2, qwen3, smollm3";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn what_would_compute_wrong_numbers_is_refused() {
    let cases: [(&str, Value, &str); 5] = [
        (
            "llama.rope.scaling.type",
            Value::text("longrope"),
            "needs `llama.rope.scaling.type` = `longrope`",
        ),
        (
            "llama.rope.scaling.alpha",
            Value::F32(4.0),
            "needs `llama.rope.scaling.alpha` = 4",
        ),
        (
            "llama.expert_count",
            Value::U32(8),
            "needs a mixture of 8 experts",
        ),
        (
            "split.count",
            Value::U32(3),
            "`split.no`: is missing, but by its name this is part 0",
        ),
        (
            "llama.attention.key_length",
            Value::U32(6),
            "needs values of width 4 with keys of width 6",
        ),
    ];
    for (key, value, expected) in cases {
        let change = |file: &mut File| {
            file.set("llama.attention.value_length", Value::U32(4));
            file.set(key, value);
        };
        check_error(key, change, expected);
    }
    let mut harmless = file();
    harmless.set("llama.rope.scaling.type", Value::text("none"));
    harmless.set("llama.rope.scale_linear", Value::F32(1.0));
    harmless.set("llama.expert_count", Value::U32(0));
    open(&harmless).expect("values that change nothing");
}

/// The frequencies of the tiny model after a change; unscaled they are 1 and 0.01.
fn rotary_of(change: impl FnOnce(&mut File)) -> Rotary {
    let mut file = file();
    change(&mut file);
    let checkpoint = open(&file).expect("the tiny model");
    checkpoint.architecture().rotary.clone()
}

#[test]
fn rotary_scaling() {
    let linear = rotary_of(|file| {
        file.set("llama.rope.scaling.type", Value::text("linear"));
        file.set("llama.rope.scaling.factor", Value::F32(4.0));
    });
    assert_eq!(linear.frequencies, [0.25, 0.0025]);
    let old = rotary_of(|file| file.set("llama.rope.scale_linear", Value::F32(4.0)));
    assert_eq!(old, linear);
    // Values count up from 0, which would divide by it.
    let divided = rotary_of(|file| {
        let mut tensor = f32_tensor("rope_freqs.weight", &[2]);
        tensor.data = [2.0_f32, 8.0].map(f32::to_le_bytes).concat();
        file.tensors.push(tensor);
    });
    assert_eq!(divided.frequencies, [0.5, 0.00125]);
    // Within 8 positions the first pair turns more than once, the second less: one is kept, the
    // other stretched.
    let yarn = rotary_of(|file| {
        file.set("llama.rope.scaling.type", Value::text("yarn"));
        file.set("llama.rope.scaling.factor", Value::F32(8.0));
        file.set("llama.rope.scaling.original_context_length", Value::U32(8));
    });
    assert_eq!(yarn.frequencies, [1.0, 0.00125]);
    assert_eq!(yarn.magnitude, 0.1 * 8.0_f32.ln() + 1.0);
    let stated = rotary_of(|file| {
        file.set("llama.rope.scaling.type", Value::text("yarn"));
        file.set("llama.rope.scaling.factor", Value::F32(8.0));
        file.set("llama.rope.scaling.yarn_attn_factor", Value::F32(1.5));
    });
    assert_eq!(stated.magnitude, 1.5);
}

#[test]
fn divisors_that_do_not_fit_are_refused() {
    let cases: [(&str, &[u64], &str); 2] = [
        (
            "zero",
            &[2],
            "`rope_freqs.weight`: has the value 0, must be finite and above 0",
        ),
        (
            "long",
            &[3],
            "rope_freqs.weight has the shape [3], expected [2]",
        ),
    ];
    for (case, shape, expected) in cases {
        let add = |file: &mut File| {
            let mut tensor = f32_tensor("rope_freqs.weight", shape);
            if case == "long" {
                tensor.data = [1.0_f32; 3].map(f32::to_le_bytes).concat();
            }
            file.tensors.push(tensor);
        };
        check_error(case, add, expected);
    }
    let half = |file: &mut File| {
        let mut tensor = f32_tensor("rope_freqs.weight", &[2]);
        tensor.format = 1;
        file.tensors.push(tensor);
    };
    check_error(
        "half",
        half,
        "needs rope_freqs.weight in another format than F32",
    );
}

#[test]
fn windows_of_mistral_stand_in_files_of_llama() {
    let mut mistral = file();
    mistral.set("llama.attention.sliding_window", Value::U32(16));
    let checkpoint = open(&mistral).expect("a window");
    let windows = checkpoint.architecture().attention.iter();
    assert!(
        windows
            .clone()
            .all(|layer| layer.window == Some(16) && layer.rotary)
    );
    mistral.set("llama.attention.sliding_window", Value::U32(0));
    let checkpoint = open(&mistral).expect("no window");
    assert_eq!(
        checkpoint.architecture().attention,
        [LayerAttention::FULL; 2]
    );
}
