//! The shortest program: ask the default model and print the answer as it is made.

use std::io::Write;

use stream_engine::{EngineError, StreamingConfig, StreamingEngine};

fn main() -> Result<(), EngineError> {
    let engine = StreamingEngine::new(StreamingConfig::default());
    for token in engine.generate_iter("What is the capital of France?")? {
        print!("{}", token?.text);
        std::io::stdout().flush().ok();
    }
    println!();
    Ok(())
}
