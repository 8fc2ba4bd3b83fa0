//! An engine on the real model, and what the laws ask of it.

use std::sync::Arc;

use stream_checkpoint::{Checkpoint, default_model};
use stream_engine::core::{Backend, Message, Prompt};
use stream_engine::{BackendKind, StreamingConfig};
use stream_testkit::Ground;

pub(crate) fn engine(kind: BackendKind) -> (Arc<dyn Backend>, Ground) {
    let path = default_model::path().expect("a cache folder");
    let config = StreamingConfig::default().backend(kind).model(&path);
    let backend = stream_engine::open(&config).expect("fetch the model: stream-engine pull");
    let checkpoint = Checkpoint::open(&path).expect("it was opened just now");
    let tokenizer = checkpoint.tokenizer().clone();
    let of_ids = tokenizer.clone();
    let ground = Ground::default()
        .prompts([
            Prompt::Chat(vec![Message::user("Tell me a story about the sea.")]),
            Prompt::Raw("Emoji: 🐟🌊👩‍👧, Chinese: 水很深。More emoji:".into()),
            Prompt::Raw("The capital of France is".into()),
        ])
        .decode(move |ids| of_ids.decode(ids))
        .tokenizer(tokenizer);
    (backend, ground)
}
