//! Tokens in chunks of eight, for a reader that pays for each message it sends on.

use stream_engine::{Ask, EngineError, StreamingConfig, StreamingEngine};

fn main() -> Result<(), EngineError> {
    let engine = StreamingEngine::new(StreamingConfig::default());
    let ask = Ask::new("Tell me a joke.").max_tokens(60);
    for chunk in engine.generate_buffered(ask, 8)? {
        let chunk = chunk?;
        println!(
            "{:>2} tokens, bytes {:?}: {:?}",
            chunk.tokens, chunk.span, chunk.text
        );
    }
    Ok(())
}
