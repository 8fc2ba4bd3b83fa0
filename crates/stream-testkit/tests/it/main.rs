//! The kit on backends of the core, and on backends that break its laws.

/// A test for each law, that the module's `caught` sees it broken by each twist.
macro_rules! catches {
    ($($law:ident: $($twist:ident)*;)*) => {
        $(
            #[test]
            fn $law() {
                for twist in [$(Twist::$twist),*] {
                    caught(twist, laws::$law);
                }
            }
        )*
    };
}

mod broken;
mod broken_faults;
mod scripts;
mod twisted;
mod whole_streams;

use std::sync::Arc;
use std::time::Duration;

use stream_core::{Backend, Mock, Prompt};
use stream_grammar::Grammars;
use stream_runtime::{Engine, EngineConfig, Model, Spec};
use stream_testkit::{
    Act, Control, Faulty, Golden, Ground, Scripted, Toy, check_fault, conformance,
    fault_conformance, laws,
};

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

/// As [`faulty_toy`], in a loop that ends what hangs.
fn watched_toy(control: Control) -> (Engine, Ground) {
    let model = Faulty::new(Toy::new(Toy::small(64)), control);
    let config = EngineConfig {
        step_timeout: Some(Duration::from_millis(400)),
        ..config()
    };
    let (engine, ground) = looped_by(config, model);
    (engine, ground.ends_hangs())
}

fn config() -> EngineConfig {
    EngineConfig {
        queue: 20,
        grammars: Some(Arc::new(Grammars::new(Arc::new(Golden::default())))),
        ..EngineConfig::new("toy", "hash", "cpu")
    }
}

fn looped(model: impl Model) -> (Engine, Ground) {
    looped_by(config(), model)
}

fn looped_by(config: EngineConfig, model: impl Model) -> (Engine, Ground) {
    let golden = Arc::new(Golden::default());
    let engine = Engine::start(model, golden.clone(), config).expect("a possible engine");
    let questions = ["the sea", "why", "one two three", "a fish that sings"];
    let ground = Ground::default()
        .prompts(questions.map(|text| Prompt::Raw(text.to_owned())))
        .tokenizer(golden);
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
conformance!(scripted, {
    let words = "once upon a time there was a sea and in it lived a fish that could sing";
    let tokens = words.split_inclusive(' ').cycle().take(40);
    let script = tokens.map(Act::say);
    (Scripted::new(script), Ground::default().forced())
});
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

conformance!(shared, {
    let (engine, ground) = toy();
    (Arc::new(engine) as Arc<dyn Backend>, ground)
});
// So few blocks that sequences lose theirs and are computed again.
conformance!(tight_loop, {
    let tight = Spec {
        blocks: 64,
        ..Toy::small(64)
    };
    looped(Toy::new(tight))
});
// Chunks so small that every prompt is read in several steps.
conformance!(chunked_loop, {
    let narrow = Spec {
        max_rows: 3,
        max_tokens: 3,
        ..Toy::small(64)
    };
    looped(Toy::new(narrow))
});
conformance!(loop_that_promises_less, {
    let (engine, ground) = toy();
    (
        twisted::Twisted::new(engine, twisted::Twist::PromisesLess),
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

#[test]
fn a_loop_with_a_watchdog_ends_what_hangs() {
    let law = laws::a_hang_ends_every_stream;
    check_fault("a_hang_ends_every_stream", watched_toy, law);
}
