//! The kit on backends of the core, and on backends that break its laws.

mod broken;
mod broken_faults;
mod twisted;

use std::sync::Arc;

use stream_core::{Backend, Mock, Prompt};
use stream_runtime::{Engine, EngineConfig, Model};
use stream_testkit::{Control, Faulty, Golden, Ground, Toy, conformance, fault_conformance};

fn story() -> Mock {
    let words = "once upon a time there was a sea and in it lived a fish that could sing so well \
                 that the moon came down to hear it and forgot to go up again";
    Mock::new(words.split_inclusive(' '))
}

/// The shared loop over a model whose answers hold every kind of broken character.
fn toy() -> (Engine, Ground) {
    looped(Toy::new(Toy::small(64)))
}

/// As [`toy`], with a hand on the model.
fn faulty_toy(control: Control) -> (Engine, Ground) {
    looped(Faulty::new(Toy::new(Toy::small(64)), control))
}

fn looped(model: impl Model) -> (Engine, Ground) {
    let golden = Arc::new(Golden::default());
    let config = EngineConfig {
        queue: 20,
        ..EngineConfig::new("toy", "hash", "cpu")
    };
    let engine = Engine::start(model, golden.clone(), config).expect("a possible engine");
    let questions = ["the sea", "why", "one two three", "a fish that sings"];
    let ground = Ground::default()
        .prompts(questions.map(|text| Prompt::Raw(text.to_owned())))
        .decode(move |ids| golden.decode(ids));
    (engine, ground)
}

conformance!(mock, (story(), Ground::default().forced()));
conformance!(
    boxed,
    (
        Box::new(story()) as Box<dyn Backend>,
        Ground::default().forced()
    )
);
conformance!(
    wrapped,
    (
        twisted::Twisted::new(story(), twisted::Twist::Nothing),
        Ground::default().forced()
    )
);
conformance!(toy_loop, toy());
conformance!(boxed_loop, {
    let (engine, ground) = toy();
    (Box::new(engine) as Box<dyn Backend>, ground)
});
conformance!(wrapped_loop, {
    let (engine, ground) = toy();
    (
        twisted::Twisted::new(engine, twisted::Twist::Nothing),
        ground,
    )
});

fault_conformance!(faulty_loop, |control| faulty_toy(control));
fault_conformance!(wrapped_faulty_loop, |control| {
    let (engine, ground) = faulty_toy(control);
    (
        twisted::Twisted::new(engine, twisted::Twist::Nothing),
        ground,
    )
});
