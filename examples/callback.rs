//! A callback for each token, which ends the stream at the first full stop.

use std::ops::ControlFlow;

use stream_engine::{EngineError, StreamingConfig, StreamingEngine};

fn main() -> Result<(), EngineError> {
    let engine = StreamingEngine::new(StreamingConfig::default().temperature(0.0));
    let end = engine.generate_with_callback("Tell me about the sea.", |token| {
        print!("{}", token.text);
        match token.text.contains('.') {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    })?;
    println!(
        "\n{:?} after {} tokens",
        end.outcome, end.usage.completion_tokens
    );
    Ok(())
}
