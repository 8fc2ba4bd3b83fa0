//! Chooses the engine by name: the first argument, or the first one that is compiled in.

use stream_engine::core::BackendExt;
use stream_engine::core::Request;
use stream_engine::{BackendKind, EngineError, StreamingConfig, StreamingEngine};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let named = std::env::args().nth(1);
    let kind = match named {
        Some(name) => name.parse()?,
        None => BackendKind::compiled()
            .next()
            .ok_or("no backend is compiled in")?,
    };
    println!(
        "compiled in: {:?}",
        BackendKind::compiled().collect::<Vec<_>>()
    );
    ask(kind)?;
    Ok(())
}

fn ask(kind: BackendKind) -> Result<(), EngineError> {
    let engine = StreamingEngine::new(StreamingConfig::default().backend(kind));
    let backend = engine.backend()?;
    let info = backend.info();
    println!("{} runs {} on {}", info.name, info.model, info.device);
    let request = Request::user("Say hello.")
        .greedy()
        .max_tokens(24)
        .build()?;
    let mut answer = backend.generate(request)?.blocking();
    println!("{}", answer.completion()?.text);
    Ok(())
}
