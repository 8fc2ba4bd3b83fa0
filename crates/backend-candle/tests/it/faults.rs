//! Every law of faults, with the real model in the loop.

use stream_core::Prompt;
use stream_runtime::{Engine, EngineConfig};
use stream_testkit::{Control, Faulty, Ground, fault_conformance};

use crate::engine::{EngineModel, NAME, Options};
use crate::support::checkpoint;

fn start(control: Control) -> (Engine, Ground) {
    let checkpoint = checkpoint();
    let model = EngineModel::load(&checkpoint, &Options::default());
    let model = model.expect("the default model loads");
    let config = EngineConfig::new(NAME, checkpoint.name(), model.device());
    let tokenizer = checkpoint.tokenizer().clone();
    let engine = Engine::start(Faulty::new(model, control), tokenizer, config);
    let questions = ["The capital of France is", "One, two, three,", "The sea is"];
    let ground = Ground::default()
        .prompts(questions.map(|text| Prompt::Raw(text.to_owned())))
        .tokens(8);
    (engine.expect("a possible engine"), ground)
}

fault_conformance!(engine, |control| start(control));
