//! Rotation against transformers, and which layers have windows and rotate.

use serde_json::{Value, json};

use super::config_rotary::rotary;
use super::*;
use crate::architecture::{LayerAttention, Rotary};
use crate::error::Fault;
use crate::json::Object;

fn family(name: &str) -> &'static Family {
    let mut families = FAMILIES.iter();
    families.find(|family| family.name == name).expect("known")
}

fn object(value: &Value) -> Object<'_> {
    Object::new(value.as_object().expect("an object"))
}

/// Written by `tests/fixtures/rotary.py`.
fn cases() -> Vec<Value> {
    let text = include_str!("../../tests/fixtures/rotary.json");
    let mut file: Value = serde_json::from_str(text).expect("JSON");
    serde_json::from_value(file["cases"].take()).expect("a list")
}

fn number(value: &Value) -> f32 {
    value.as_f64().expect("a number") as f32
}

fn check(case: &Value, found: &Rotary) {
    let expected = case["frequencies"].as_array().expect("a list");
    assert_eq!(found.frequencies.len(), expected.len(), "{case}");
    for (found, expected) in found.frequencies.iter().zip(expected) {
        // Transformers computes in single precision: the difference of two nearly equal
        // numbers in the ramp of Llama 3 costs a few more bits.
        let expected = number(expected);
        assert!(
            (found - expected).abs() <= 3e-6 * expected,
            "{found}, not {expected}: {case}"
        );
    }
    let magnitude = number(&case["magnitude"]);
    assert!(
        (found.magnitude - magnitude).abs() < 1e-6,
        "{} in {case}",
        found.magnitude
    );
}

#[test]
fn rotations_are_those_of_transformers() {
    let llama = family("llama");
    for case in cases() {
        let config = &case["config"];
        let head_dim = number(&config["head_dim"]) as usize;
        let old = rotary(&object(config), llama, head_dim).expect("as transformers 4 writes it");
        check(&case, &old);
        let mut parameters = config["rope_scaling"].clone();
        parameters["rope_theta"] = config["rope_theta"].clone();
        let new = json!({"rope_parameters": parameters,
                         "max_position_embeddings": config["max_position_embeddings"]});
        let new = rotary(&object(&new), llama, head_dim).expect("as transformers 5 writes it");
        assert_eq!(new, old, "{case}");
    }
}

#[test]
fn rotations_that_are_no_numbers_are_refused() {
    let scaling = |scaling: Value| json!({"rope_theta": 1.0, "max_position_embeddings": 64, "rope_scaling": scaling});
    let cases = [
        (
            scaling(json!({"type": "yarn", "factor": 1e-300})),
            "no finite numbers",
        ),
        (
            scaling(json!({"type": "linear"})),
            "`rope_scaling.factor`: is missing",
        ),
        (
            scaling(json!({"type": "linear", "factor": 0})),
            "`rope_scaling.factor`: is the number 0",
        ),
        (
            scaling(json!({"type": 3})),
            "`rope_scaling.type`: is the number 3, must be a string",
        ),
        (
            scaling(json!([])),
            "`rope_scaling`: is a list of 0, must be an object",
        ),
        (
            scaling(json!({"type": "llama3", "factor": 8, "low_freq_factor": 4,
                           "high_freq_factor": 4})),
            "`rope_scaling.high_freq_factor`: is 4, must be above `low_freq_factor` = 4",
        ),
    ];
    for (config, expected) in cases {
        let error = rotary(&object(&config), family("llama"), 8).expect_err(expected);
        assert!(
            error.to_string().contains(expected),
            "{error}, not {expected}"
        );
    }
}

fn attention(name: &str, config: &Value) -> Result<Vec<LayerAttention>, Fault> {
    family(name).attention(&object(config), 4)
}

fn windows(name: &str, config: &Value) -> Vec<Option<usize>> {
    let layers = attention(name, config).expect("sound");
    layers.iter().map(|layer| layer.window).collect()
}

fn rotating(config: &Value) -> Vec<bool> {
    let layers = attention("smollm3", config).expect("sound");
    layers.iter().map(|layer| layer.rotary).collect()
}

const W: Option<usize> = Some(16);
const ALL: Option<usize> = None;

#[test]
fn mistral_has_its_window_everywhere() {
    assert_eq!(windows("mistral", &json!({"sliding_window": 16})), [W; 4]);
    assert_eq!(
        windows("mistral", &json!({"sliding_window": null})),
        [ALL; 4]
    );
    assert_eq!(windows("mistral", &json!({})), [Some(4096); 4]);
    assert_eq!(windows("llama", &json!({"sliding_window": 16})), [ALL; 4]);
}

#[test]
fn qwen_has_windows_in_later_layers_if_at_all() {
    for name in ["qwen2", "qwen3"] {
        let with = |more: Value| {
            let mut config = json!({"use_sliding_window": true, "sliding_window": 16});
            let more = more.as_object().expect("an object").clone();
            config.as_object_mut().expect("an object").extend(more);
            windows(name, &config)
        };
        assert_eq!(windows(name, &json!({"sliding_window": 16})), [ALL; 4]);
        assert_eq!(with(json!({})), [ALL; 4]);
        assert_eq!(with(json!({"max_window_layers": 3})), [ALL, ALL, ALL, W]);
        assert_eq!(with(json!({"use_sliding_window": false})), [ALL; 4]);
        let types = json!([
            "sliding_attention",
            "full_attention",
            "sliding_attention",
            "full_attention"
        ]);
        let types = json!({"layer_types": types, "max_window_layers": 0});
        assert_eq!(with(types), [W, ALL, W, ALL]);
    }
}

#[test]
fn smollm3_does_not_rotate_everywhere() {
    assert_eq!(rotating(&json!({})), [true, true, true, false]);
    assert_eq!(
        rotating(&json!({"no_rope_layer_interval": 2})),
        [true, false, true, false]
    );
    let stated = json!({"no_rope_layers": [0, 1, 1, 1, 0]});
    assert_eq!(rotating(&stated), [false, true, true, true]);
    let windows = windows(
        "smollm3",
        &json!({"use_sliding_window": true, "sliding_window": 16,
                                             "no_rope_layer_interval": 2}),
    );
    assert_eq!(windows, [ALL, W, ALL, W]);
}

#[test]
fn layers_that_do_not_add_up_are_refused() {
    let used = |key: &str, value: Value| json!({"use_sliding_window": true, "sliding_window": 16, key: value});
    let cases = [
        (
            used("no_rope_layers", json!([1])),
            "`no_rope_layers`: has 1 entries for 4 layers",
        ),
        (
            used("no_rope_layers", json!([2, 1, 1, 1])),
            "must be a list of integers from 0 to 1",
        ),
        (
            used("no_rope_layer_interval", json!(0)),
            "must be an integer from 1 to 4096",
        ),
        (
            used("layer_types", json!(["full_attention"])),
            "has 1 entries for 4 layers",
        ),
        (
            used("layer_types", json!(vec!["linear_attention"; 4])),
            "layers of type `linear_attention`",
        ),
        (
            used("sliding_window", json!(0)),
            "must be an integer from 1 to",
        ),
        (
            used("use_sliding_window", json!("yes")),
            "must be a boolean",
        ),
    ];
    for (config, expected) in cases {
        let error = attention("smollm3", &config).expect_err(expected);
        assert!(
            error.to_string().contains(expected),
            "{error}, not {expected}"
        );
    }
}
