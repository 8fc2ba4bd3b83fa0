//! Two answers at once on one thread, each a `futures::Stream`; the engine batches them.

use futures::TryStreamExt;
use stream_engine::{Ask, EngineError, StreamingConfig, StreamingEngine};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), EngineError> {
    let engine = StreamingEngine::new(StreamingConfig::default());
    let questions = ["Why is the sky blue?", "Why is grass green?"];
    let answers = questions.map(|question| answer(&engine, question));
    for (question, text) in questions
        .iter()
        .zip(futures::future::join_all(answers).await)
    {
        println!("{question}\n{}\n", text?);
    }
    Ok(())
}

async fn answer(engine: &StreamingEngine, question: &str) -> Result<String, EngineError> {
    let ask = Ask::new(question).temperature(0.0).max_tokens(40);
    let stream = engine.generate_stream(ask).await?;
    Ok(stream.map_ok(|token| token.text).try_collect().await?)
}
