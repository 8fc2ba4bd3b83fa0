//! The backend and the model that show how to write one's own keep every law.

#[path = "../custom_backend.rs"]
mod custom_backend;
#[path = "../custom_model.rs"]
mod custom_model;

use stream_core::Prompt;
use stream_testkit::{Faulty, Ground, conformance, fault_conformance};

conformance!(
    own_backend,
    (custom_backend::Reverser::new(8), Ground::default())
);

/// The model has read lower-case letters only.
fn rain() -> Ground {
    let beginnings = ["the ", "rain and ", "the hill ", "wind "];
    Ground::default().prompts(beginnings.map(|text| Prompt::Raw(text.to_owned())))
}

conformance!(
    own_model,
    (
        custom_model::engine(custom_model::model()).expect("a possible engine"),
        rain()
    )
);

fault_conformance!(own_model_at_fault, |control| {
    let model = Faulty::new(custom_model::model(), control);
    (
        custom_model::engine(model).expect("a possible engine"),
        rain(),
    )
});

#[test]
fn both_run_to_their_end() {
    custom_backend::main().expect("it answers");
    custom_model::main().expect("it answers");
}
