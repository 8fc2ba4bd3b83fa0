//! Folders that are damaged, hostile or of another kind give an error that says where.

use serde_json::{Value, json};

use crate::folder_writer::{
    Folder, INDEX, SHARDS, Tensor, check_error_at, check_folder_error, folder, place, safetensors,
    with_header, write,
};

fn check_config(key: &str, value: Value, expected: &str) {
    check_folder_error(|folder| folder.set(key, value), "config.json", expected);
}

#[test]
fn fault_14_config_numbers_out_of_range() {
    let most = "must be an integer from 1 to";
    let cases = [
        (
            "num_attention_heads",
            json!(0),
            format!("is the number 0, {most} 65536"),
        ),
        (
            "num_attention_heads",
            json!(3),
            "is 3, which does not divide `hidden_size` = 8".into(),
        ),
        (
            "num_key_value_heads",
            json!(0),
            format!("is the number 0, {most}"),
        ),
        (
            "num_hidden_layers",
            json!(1_u64 << 40),
            format!("is the number 1099511627776, {most} 4096"),
        ),
        (
            "hidden_size",
            json!(-8),
            format!("is the number -8, {most}"),
        ),
        (
            "hidden_size",
            json!(8.5),
            format!("is the number 8.5, {most}"),
        ),
        (
            "hidden_size",
            json!("8"),
            format!("is the string \"8\", {most}"),
        ),
        (
            "intermediate_size",
            json!([16]),
            format!("is a list of 1, {most}"),
        ),
        ("vocab_size", json!({}), format!("is an object, {most}")),
        (
            "max_position_embeddings",
            json!(true),
            format!("is the boolean true, {most}"),
        ),
        (
            "rms_norm_eps",
            json!(0.0),
            "is the number 0.0, must be a number above 0".into(),
        ),
        (
            "rope_theta",
            json!(-1),
            "is the number -1, must be a number above 0".into(),
        ),
        (
            "head_dim",
            json!(3),
            "gives heads of width 3, which must be even".into(),
        ),
        (
            "tie_word_embeddings",
            json!(1),
            "is the number 1, must be a boolean".into(),
        ),
        (
            "eos_token_id",
            json!(1_000_000),
            "is the number 1000000, must be an integer from 0 to".into(),
        ),
        (
            "eos_token_id",
            json!([-1]),
            "is a list of 1, must be a list of integers from 0 to".into(),
        ),
        (
            "bos_token_id",
            json!(-1),
            "is the number -1, must be an integer from 0 to".into(),
        ),
    ];
    for (key, value, expected) in cases {
        check_config(key, value, &format!("metadata `{key}`: {expected}"));
    }
    for key in [
        "model_type",
        "vocab_size",
        "hidden_size",
        "intermediate_size",
        "num_hidden_layers",
        "num_attention_heads",
        "max_position_embeddings",
    ] {
        let expected = format!("metadata `{key}`: is missing");
        check_folder_error(|folder| folder.remove(key), "config.json", &expected);
    }
}

#[test]
fn fault_14_unknown_architectures_are_named_with_the_known_ones() {
    let known = "known are: LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM, \
                 Qwen3ForCausalLM, SmolLM3ForCausalLM";
    let other = |folder: &mut Folder| {
        folder.set("model_type", json!("gemma3_text"));
        folder.set("architectures", json!(["Gemma3ForCausalLM"]));
    };
    let expected = format!("has the architecture `Gemma3ForCausalLM`; {known}");
    check_folder_error(other, "config.json", &expected);
    let expected = "has the architecture `LlamaForSequenceClassification`";
    check_config(
        "architectures",
        json!(["LlamaForSequenceClassification"]),
        expected,
    );
    let nameless = |folder: &mut Folder| {
        folder.remove("architectures");
        folder.set("model_type", json!("phi3"));
    };
    check_folder_error(nameless, "config.json", "has the architecture `phi3`");
}

#[test]
fn what_would_compute_wrong_numbers_is_refused() {
    let cases = [
        ("hidden_act", json!("gelu"), "needs `hidden_act` = `gelu`"),
        (
            "quantization_config",
            json!({"quant_method": "gptq", "bits": 4}),
            "needs weights quantised by `gptq` (`quantization_config`)",
        ),
        (
            "partial_rotary_factor",
            json!(0.5),
            "needs `partial_rotary_factor` = 0.5",
        ),
        (
            "rope_scaling",
            json!({"type": "dynamic", "factor": 2.0}),
            "needs rotary scaling of type `dynamic`",
        ),
        (
            "rope_scaling",
            json!({"rope_type": "longrope"}),
            "needs rotary scaling of type `longrope`",
        ),
        (
            "rope_parameters",
            json!({"full_attention": {"rope_theta": 1.0}}),
            "needs rotary positions of their own for each type of layer",
        ),
    ];
    for (key, value, expected) in cases {
        check_config(key, value, expected);
    }
}

#[test]
fn fault_14_config_that_is_no_config() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let long = format!("{{\"x\": \"{}\"}}", "x".repeat(5 << 20));
    let cases = [
        ("", "is not JSON that can be used: EOF"),
        ("{\"hidden_size\": 8", "is not JSON that can be used: EOF"),
        ("[]", "it is a list of 0, must be an object"),
        (deep.as_str(), "recursion limit exceeded"),
        (long.as_str(), "at most 4194304 are read"),
    ];
    for (text, expected) in cases {
        let place = place();
        folder().write(place.path());
        write(place.path(), "config.json", text);
        check_error_at(place.path(), "config.json", expected);
    }
}

#[test]
fn fault_10_damaged_safetensors() {
    let tensors = folder().tensors;
    let sound = safetensors(&tensors);
    let hole = "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}";
    let span = "{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}";
    let overflow =
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,8]}}";
    let data = [Tensor::f32("a", &[2])];
    let mut huge = sound.clone();
    huge[..8].copy_from_slice(&(100_000_001_u64).to_le_bytes());
    let mut endless = sound.clone();
    endless[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    let mut not_utf8 = sound.clone();
    not_utf8[9] = 0xFF;
    let mut longer = sound.clone();
    longer.extend([0; 8]);
    for bytes in [
        Vec::new(),
        vec![0; 7],
        huge,
        endless,
        not_utf8,
        longer,
        with_header(hole, &data),
        with_header(span, &data),
        with_header(overflow, &data),
        with_header("{", &data),
        with_header("[]", &data),
    ] {
        let place = place();
        folder().write_texts(place.path());
        write(place.path(), "model.safetensors", bytes);
        check_error_at(
            place.path(),
            "model.safetensors",
            "is no sound safetensors file",
        );
    }
}

#[test]
fn fault_11_shard_shorter_than_its_header() {
    for missing in [1, 100, 512] {
        let place = place();
        folder().write_shards(place.path());
        let second = place.path().join(SHARDS[1]);
        let whole = std::fs::read(&second).expect("the shard");
        write(place.path(), SHARDS[1], &whole[..whole.len() - missing]);
        let last = "model.layers.1.mlp.down_proj.weight";
        let expected = format!("the file ends {missing} bytes before the end of tensor {last}");
        check_error_at(place.path(), SHARDS[1], &expected);
    }
}

/// Writes the index after a change and checks the error.
fn check_index(change: impl FnOnce(&mut Value), file: &str, expected: &str) {
    let place = place();
    let mut index = folder().write_shards(place.path());
    change(&mut index["weight_map"]);
    write(place.path(), INDEX, index.to_string());
    check_error_at(place.path(), file, expected);
}

const NORM: &str = "model.norm.weight";

#[test]
fn fault_13_index_that_leads_out_of_the_folder() {
    for outside in [
        "../model.safetensors",
        "/etc/passwd",
        "a/../../b.safetensors",
        "..",
    ] {
        check_index(
            |map| map[NORM] = json!(outside),
            outside,
            "leads out of the model's folder",
        );
    }
}

#[test]
fn fault_13_index_that_contradicts_the_shards() {
    check_index(
        |map| map[NORM] = json!("model-00003-of-00003.safetensors"),
        "model-00003-of-00003.safetensors",
        "is missing: model.safetensors.index.json says that weights stand in it",
    );
    check_index(
        |map| map[NORM] = json!(SHARDS[1]),
        SHARDS[1],
        "says that tensor model.norm.weight stands in it, but it does not",
    );
    check_index(
        |map| map["phantom"] = json!(SHARDS[0]),
        SHARDS[0],
        "says that tensor phantom stands in it, but it does not",
    );
    check_index(
        |map| map[NORM] = json!(7),
        INDEX,
        "is not JSON that can be used: invalid type",
    );
    check_index(|map| *map = json!({}), INDEX, "`weight_map`: is empty");
    check_index(
        |map| *map = json!([]),
        INDEX,
        "is not JSON that can be used: invalid type",
    );
}

#[test]
fn doubles_are_refused() {
    let twice = place();
    folder().write_shards(twice.path());
    let index = format!(
        "{{\"weight_map\": {{\"{NORM}\": \"{0}\", \"{NORM}\": \"{0}\"}}}}",
        SHARDS[0]
    );
    write(twice.path(), INDEX, index);
    check_error_at(twice.path(), INDEX, "`model.norm.weight` stands twice");

    let both = place();
    let mut folder = folder();
    folder.write_shards(both.path());
    folder.tensors.truncate(6);
    write(both.path(), SHARDS[0], safetensors(&folder.tensors));
    check_error_at(
        both.path(),
        SHARDS[1],
        "stands in another file of the model too",
    );
}

#[cfg(unix)]
mod links {
    use std::fs::{create_dir_all, remove_file, rename};
    use std::os::unix::fs::symlink;

    use stream_checkpoint::Checkpoint;

    use super::*;

    #[test]
    fn fault_13_links_out_of_the_folder() {
        for file in ["model.safetensors", "config.json", "tokenizer.json"] {
            let (inside, outside) = (place(), place());
            folder().write(inside.path());
            let target = outside.path().join(file);
            rename(inside.path().join(file), &target).expect("moved");
            symlink(&target, inside.path().join(file)).expect("linked");
            check_error_at(inside.path(), file, "leads out of the model's folder, to");
            remove_file(inside.path().join(file)).expect("removed");
        }
    }

    #[test]
    fn the_hubs_cache_links_to_its_blobs() {
        let cache = place();
        let model = cache.path().join("models--org--tiny");
        let (blobs, snapshot) = (model.join("blobs"), model.join("snapshots/abc"));
        create_dir_all(&blobs).expect("a folder");
        create_dir_all(&snapshot).expect("a folder");
        folder().write(&blobs);
        for file in ["model.safetensors", "config.json", "tokenizer.json"] {
            symlink(format!("../../blobs/{file}"), snapshot.join(file)).expect("linked");
        }
        let checkpoint = Checkpoint::open(&snapshot).expect("links into the cache");
        assert_eq!(checkpoint.name(), "org/tiny");
        // The same link is refused where it leads elsewhere.
        rename(&blobs, model.join("other")).expect("renamed");
        for file in ["model.safetensors", "config.json", "tokenizer.json"] {
            remove_file(snapshot.join(file)).expect("removed");
            symlink(format!("../../other/{file}"), snapshot.join(file)).expect("linked");
        }
        check_error_at(
            &snapshot,
            "config.json",
            "leads out of the model's folder, to",
        );
    }
}

#[test]
fn formats_that_are_not_read_are_named() {
    let float8 = |folder: &mut Folder| {
        let tensor = folder.tensor("model.layers.0.mlp.up_proj.weight");
        tensor.format = "F8_E4M3";
        tensor.data.truncate(128);
    };
    check_folder_error(
        float8,
        "",
        "up_proj.weight has the unknown format F8_E4M3; known are: F32",
    );
}

#[test]
fn fault_16_a_tokenizer_with_more_ids_than_logits() {
    let small = |folder: &mut Folder| {
        let rows = 100;
        folder.set("vocab_size", json!(rows));
        *folder.tensor("model.embed_tokens.weight") =
            Tensor::f32("model.embed_tokens.weight", &[rows, 8]);
    };
    check_folder_error(small, "", "100");
}

#[test]
fn folders_of_another_kind() {
    let pickle = place();
    folder().write_texts(pickle.path());
    write(pickle.path(), "pytorch_model.bin", b"PK\x03\x04");
    check_error_at(pickle.path(), "", "reading a pickle can run any code");
    check_error_at(
        &pickle.path().join("pytorch_model.bin"),
        "",
        "reading a pickle",
    );

    let weightless = place();
    folder().write_texts(weightless.path());
    check_error_at(
        weightless.path(),
        "model.safetensors",
        "is missing: the weights stand in it",
    );

    let lone = place();
    write(
        lone.path(),
        "model.safetensors",
        safetensors(&folder().tensors),
    );
    let file = lone.path().join("model.safetensors");
    check_error_at(
        &file,
        "config.json",
        "is missing: it says what to make of the weights",
    );

    let wordless = place();
    folder().write(wordless.path());
    std::fs::remove_file(wordless.path().join("tokenizer.json")).expect("removed");
    check_error_at(
        wordless.path(),
        "tokenizer.json",
        "is missing: no other file",
    );
}
