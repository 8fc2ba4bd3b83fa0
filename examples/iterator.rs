//! A blocking iterator, without any async runtime, and what is known when it ends.

use stream_engine::{Ask, EngineError, StreamingConfig, StreamingEngine};

fn main() -> Result<(), EngineError> {
    let engine = StreamingEngine::new(StreamingConfig::default());
    let ask = Ask::new("Name three colours.")
        .temperature(0.0)
        .max_tokens(32);
    let mut tokens = engine.generate_iter(ask)?;
    for token in tokens.by_ref() {
        let token = token?;
        let since_start = token.times.released - token.times.queued;
        println!(
            "{:>5} ms  {:>6}  {:?}",
            since_start.as_millis(),
            display(token.id),
            token.text
        );
    }
    let stream = tokens.stream();
    println!("{}", stream.text());
    println!("{:?}", stream.usage());
    println!(
        "{:.1} tokens/s",
        stream.tokens_per_second().unwrap_or_default()
    );
    Ok(())
}

fn display(id: Option<u32>) -> String {
    id.map_or_else(String::new, |id| id.to_string())
}
