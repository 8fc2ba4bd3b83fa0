//! Three ways to stop an answer: a handle, leaving the loop, and dropping the stream. Each frees
//! the engine's work at once.

use std::time::Duration;

use stream_engine::{EngineError, StreamingConfig, StreamingEngine};

const QUESTION: &str = "Write a long story about a lighthouse.";

fn main() -> Result<(), EngineError> {
    let engine = StreamingEngine::new(StreamingConfig::default().max_tokens(None));

    let mut tokens = engine.generate_iter(QUESTION)?;
    let handle = tokens.stream().abort_handle();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        handle.abort();
    });
    let made = tokens.by_ref().count();
    println!(
        "by handle: {:?} after {made} tokens",
        tokens.stream().end().map(|e| &e.outcome)
    );

    let few: Result<String, _> = engine
        .generate_iter(QUESTION)?
        .take(5)
        .map(|token| token.map(|token| token.text))
        .collect();
    println!("by leaving the loop: {:?}", few?);

    drop(engine.generate_iter(QUESTION)?);
    println!(
        "by dropping: {:?}",
        engine.shutdown_blocking(Duration::from_secs(1))
    );
    Ok(())
}
