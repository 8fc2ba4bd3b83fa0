//! Hugging Face folders: what is read from them.

use serde_json::json;
use stream_checkpoint::{Access, Architecture, Biases, Checkpoint, LayerAttention, WeightId};
use stream_checkpoint::{Rotary, RotaryPairing};
use stream_core::Tokenizer;

use crate::folder_writer::{Tensor, folder, place};
use crate::tiny_model::{EOS, HIDDEN, tokens};

#[test]
fn numbers_are_read() {
    let checkpoint = folder().open().expect("the tiny folder");
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
            pairing: RotaryPairing::Halves,
            frequencies: vec![1.0, 0.01],
            magnitude: 1.0,
        },
        biases: Biases::default(),
        qk_norm: false,
        attention: vec![LayerAttention::FULL; 2],
        tied_head: true,
    };
    assert_eq!(checkpoint.architecture(), &expected);
    assert_eq!(checkpoint.tokenizer().end_ids(), [EOS]);
}

#[test]
fn shards_are_read_as_one_file_mapped_or_read() {
    let (whole, cut) = (place(), place());
    folder().write(whole.path());
    folder().write_shards(cut.path());
    let whole = Checkpoint::open(whole.path()).expect("one file");
    for access in [Access::Map, Access::Read] {
        let cut = Checkpoint::open_with(cut.path(), access).expect("two files");
        assert_eq!(cut.architecture(), whole.architecture());
        for id in WeightId::all(whole.architecture()) {
            let [a, b] = [&whole, &cut].map(|c| c.weights().get(id).expect("a weight"));
            assert_eq!((a.name(), a.shape()), (b.name(), b.shape()), "{id:?}");
            assert_eq!(a.bytes(), b.bytes(), "{id:?}");
            let numbers = b.to_f32();
            assert!(numbers.iter().enumerate().all(|(i, x)| *x == i as f32));
        }
    }
}

#[test]
fn a_folder_that_is_tied_may_hold_the_head_twice() {
    let head = Tensor::f32("lm_head.weight", &[tokens().len() as u64, HIDDEN]);
    let mut same = folder();
    same.tensors.push(head.clone());
    let same = same.open().expect("a head that is the embedding");
    assert!(same.architecture().tied_head);

    let mut other = folder();
    other.tensors.push(head.clone());
    other.tensor("lm_head.weight").data.reverse();
    let other = other.open().expect("a head of its own");
    assert!(!other.architecture().tied_head);
    let name = |id| other.weights().get(id).expect("there").name().to_owned();
    assert_eq!(name(WeightId::OutputHead), "lm_head.weight");

    let mut untied = folder();
    untied.set("tie_word_embeddings", json!(false));
    let error = untied.open().expect_err("no head");
    assert!(
        error.to_string().contains("lm_head.weight is missing"),
        "{error}"
    );
    untied.tensors.push(head);
    let untied = untied.open().expect("an untied head");
    assert!(!untied.architecture().tied_head);
}

#[test]
fn old_folders_hold_the_frequencies_too() {
    let mut old = folder();
    old.add_to_layers(&[("self_attn.rotary_emb.inv_freq", 2)]);
    old.open()
        .expect("what follows from the config is passed over");
}

#[test]
fn defaults_of_generation_are_read() {
    let mut with = folder();
    with.generation = Some(json!({"eos_token_id": [EOS, 7], "bos_token_id": 0,
        "do_sample": true, "temperature": 0.6, "top_k": 20, "top_p": 0.95, "min_p": 0.05,
        "repetition_penalty": 1.1}));
    let checkpoint = with.open().expect("the tiny folder");
    let sampling = checkpoint.defaults().sampling;
    assert_eq!(sampling.temperature, Some(0.6));
    assert_eq!((sampling.top_k, sampling.top_p), (Some(20), Some(0.95)));
    assert_eq!(
        (sampling.min_p, sampling.repetition_penalty),
        (Some(0.05), Some(1.1))
    );
    assert_eq!(checkpoint.defaults().end_ids, [EOS, 7]);
    with.generation = Some(json!({"do_sample": false, "temperature": 0.6}));
    let greedy = with.open().expect("the tiny folder");
    assert_eq!(greedy.defaults().sampling.temperature, Some(0.0));
    assert_eq!(greedy.defaults().end_ids, [EOS]);
}
