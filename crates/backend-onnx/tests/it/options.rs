//! Options that cannot be, and what is said of them.

use backend_onnx::{OnnxModel, OnnxOptions};
use candle_core::quantized::GgmlDType;
use stream_runtime::Model;

use crate::tiny::{CONTEXT, Tiny};

fn options() -> OnnxOptions {
    OnnxOptions {
        threads: Some(1),
        kv_tokens: Some(CONTEXT),
        max_rows: 2,
        max_step_tokens: 600,
        ..OnnxOptions::default()
    }
}

#[test]
fn impossible_options_are_refused() {
    type Change = fn(&mut OnnxOptions);
    let checkpoint = Tiny::SMALL.checkpoint(GgmlDType::F32);
    let cases: [(Change, &str); 6] = [
        (
            |o| o.threads = Some(0),
            "threads is 0, must be from 1 to 1024",
        ),
        (
            |o| o.block_size = 24,
            "block_size is 24, must be a multiple of 16",
        ),
        (
            |o| o.kv_tokens = Some(15),
            "kv_tokens is 15, must be at least one block of 16 tokens, and fewer than 2^32 blocks",
        ),
        (
            |o| (o.kv_tokens, o.block_size) = (Some(1 << 50), 1 << 20),
            "the system refuses memory for 1125899906842624 tokens of KV cache; ask for fewer",
        ),
        (|o| o.max_rows = 0, "max_rows is 0, must be at least 1"),
        (
            |o| o.max_rows = 601,
            "max_step_tokens is 600, must be at least max_rows (601)",
        ),
    ];
    for (change, message) in cases {
        let mut options = options();
        change(&mut options);
        let error = OnnxModel::load(&checkpoint, &options).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn the_spec_says_what_the_options_said() {
    let checkpoint = Tiny::SMALL.checkpoint(GgmlDType::F32);
    let model = OnnxModel::load(&checkpoint, &options()).unwrap();
    let spec = model.spec();
    assert_eq!((spec.vocabulary, spec.context_length), (50, CONTEXT));
    assert_eq!(
        (spec.block_size, spec.blocks, spec.kv_tokens()),
        (16, 32, CONTEXT)
    );
    assert_eq!((spec.max_rows, spec.max_tokens), (2, 600));
    assert_eq!(model.device(), "cpu (1 thread, ONNX Runtime, f32)");
}
