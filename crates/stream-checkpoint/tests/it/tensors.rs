//! Which tensors a model must have, and what comes out of them.

use stream_checkpoint::{Fault, LayerWeight, TensorFormat, TensorProblem, WeightId};

use crate::gguf_writer::File;
use crate::tiny_model::{HIDDEN, check_error, f32_tensor, file, open, tokens};

#[test]
fn one_error_lists_every_problem() {
    let mut broken = file();
    broken
        .tensors
        .retain(|tensor| tensor.name != "blk.0.attn_k.weight");
    broken.tensor("blk.1.ffn_up.weight").dimensions = vec![16, 8];
    broken.tensor("output_norm.weight").format = 39;
    broken.tensors.push(f32_tensor("blk.0.attn_q.bias", &[8]));
    broken
        .tensors
        .push(f32_tensor("blk.2.attn_q.weight", &[8, 8]));
    let error = open(&broken).expect_err("four problems and more");
    let Fault::Tensors(problems) = error.fault() else {
        panic!("{error}");
    };
    let name = str::to_owned;
    let expected = [
        TensorProblem::Format {
            name: name("output_norm.weight"),
            format: "39".to_owned(),
            known: TensorFormat::ALL.map(TensorFormat::name).to_vec(),
        },
        TensorProblem::Missing {
            name: name("blk.0.attn_k.weight"),
        },
        TensorProblem::Shape {
            name: name("blk.1.ffn_up.weight"),
            found: vec![8, 16],
            expected: vec![16, 8],
        },
        TensorProblem::Unexpected {
            name: name("blk.0.attn_q.bias"),
        },
        TensorProblem::Unexpected {
            name: name("blk.2.attn_q.weight"),
        },
    ];
    assert_eq!(problems, &expected);
    let text = error.to_string();
    assert!(text.contains("tensors that do not fit (5):"), "{text}");
    for problem in &expected {
        assert!(text.contains(&problem.to_string()), "{text}");
    }
}

#[test]
fn a_long_list_is_cut() {
    let no_tensors = |file: &mut File| file.tensors.clear();
    check_error("none", no_tensors, "tensors that do not fit (20):");
    let many = |file: &mut File| {
        no_tensors(file);
        (0..30).for_each(|i| file.tensors.push(f32_tensor(&format!("t{i}"), &[1])));
    };
    check_error("many", many, "… and 30 more");
}

#[test]
fn the_embedding_is_as_wide_as_the_vocabulary() {
    let vocabulary = tokens().len();
    for rows in [vocabulary as u64 - 1, vocabulary as u64 + 1] {
        let expected = format!("has the shape [{rows}, 8], expected [{vocabulary}, 8]");
        let other = |file: &mut File| {
            *file.tensor("token_embd.weight") = f32_tensor("token_embd.weight", &[HIDDEN, rows]);
        };
        check_error("embedding", other, &expected);
        let head = |file: &mut File| {
            file.tensors
                .push(f32_tensor("output.weight", &[HIDDEN, rows]));
        };
        check_error("head", head, &expected);
    }
}

#[test]
fn every_weight_is_found_with_its_shape() {
    let checkpoint = open(&file()).expect("the tiny model");
    let (weights, architecture) = (checkpoint.weights(), checkpoint.architecture());
    assert_eq!(weights.iter().count(), 2 + 2 * 9);
    for id in WeightId::all(architecture) {
        let view = weights.get(id).expect("is there");
        assert_eq!(view.shape(), id.shape(architecture), "{id:?}");
        let numbers = view.to_f32();
        let expected: Vec<f32> = (0..numbers.len()).map(|i| i as f32).collect();
        assert_eq!(numbers, expected, "{id:?}");
    }
    let key = weights
        .get(WeightId::Layer(1, LayerWeight::Key))
        .expect("is there");
    assert_eq!((key.name(), key.shape()), ("blk.1.attn_k.weight", (4, 8)));
    let mut row = [0.0; 8];
    key.row_to_f32(2, &mut row);
    assert_eq!(row, [16.0, 17.0, 18.0, 19.0, 20.0, 21.0, 22.0, 23.0]);
}

#[test]
fn a_tied_head_is_the_embedding_and_an_own_head_is_not() {
    let tied = open(&file()).expect("the tiny model");
    assert!(tied.architecture().tied_head);
    let name = |checkpoint: &stream_checkpoint::Checkpoint| {
        let head = checkpoint
            .weights()
            .get(WeightId::OutputHead)
            .expect("a head");
        head.name().to_owned()
    };
    assert_eq!(name(&tied), "token_embd.weight");
    let mut with_head = file();
    let vocabulary = tokens().len() as u64;
    with_head
        .tensors
        .push(f32_tensor("output.weight", &[HIDDEN, vocabulary]));
    let own = open(&with_head).expect("a model with its own head");
    assert!(!own.architecture().tied_head);
    assert_eq!(name(&own), "output.weight");
}

#[test]
fn a_layer_that_is_not_there() {
    let checkpoint = open(&file()).expect("the tiny model");
    let id = WeightId::Layer(2, LayerWeight::Query);
    let error = checkpoint.weights().get(id).expect_err("two layers");
    assert!(
        matches!(error.fault(), Fault::NoSuchWeight(found) if *found == id),
        "{error}"
    );
}

#[test]
fn fault_20_weights_that_are_no_numbers() {
    let sound = open(&file()).expect("the tiny model");
    sound.check_weights().expect("all finite");
    for (value, text) in [
        (f32::NAN, "NaN"),
        (f32::INFINITY, "inf"),
        (-f32::INFINITY, "-inf"),
    ] {
        let mut broken = file();
        for name in ["blk.1.attn_k.weight", "blk.0.ffn_down.weight"] {
            let data = &mut broken.tensor(name).data;
            // The second column of the third row of eight, or the first row of sixteen.
            data[17 * 4..18 * 4].copy_from_slice(&value.to_le_bytes());
        }
        let checkpoint = open(&broken).expect("opening looks at no weights");
        let error = checkpoint.check_weights().expect_err(text).to_string();
        let expected = format!(
            "tiny.gguf: tensor blk.0.ffn_down.weight has the value {text} in row 1, and 1 more"
        );
        assert!(error.starts_with(&expected), "{error}");
    }
}
