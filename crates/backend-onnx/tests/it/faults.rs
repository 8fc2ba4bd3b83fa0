//! Every law of faults, with the real model in the loop.

use backend_onnx::{OnnxModel, OnnxOptions};
use stream_core::Prompt;
use stream_runtime::{Engine, EngineConfig};
use stream_testkit::{Control, Faulty, Ground, fault_conformance};

use crate::support::{checkpoint, model};

fn engine(control: Control) -> (Engine, Ground) {
    let checkpoint = checkpoint();
    let model = model(&OnnxOptions::default());
    let mut config = EngineConfig::new("onnx", checkpoint.name(), model.device());
    config.capabilities.batch_invariant = OnnxModel::BATCH_INVARIANT;
    let tokenizer = checkpoint.tokenizer().clone();
    let engine = Engine::start(Faulty::new(model, control), tokenizer, config);
    let questions = ["The capital of France is", "One, two, three,", "The sea is"];
    let ground = Ground::default()
        .prompts(questions.map(|text| Prompt::Raw(text.to_owned())))
        .tokens(8);
    (engine.expect("a possible engine"), ground)
}

fault_conformance!(onnx, |control| engine(control));
