//! Three answers to one question, with how sure the model was of each.

use stream_engine::core::Sampling;
use stream_engine::{Ask, StreamingConfig, StreamingEngine};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = StreamingEngine::new(StreamingConfig::default());
    let sampling = Sampling::builder().temperature(0.8).min_p(0.05).seed(1);
    let ask = Ask::new("Name a colour.")
        .sampling(sampling.build()?)
        .max_tokens(16)
        .logprobs(0)
        .n(3);
    for answer in engine.ask_choices(ask)?.blocking().completions()? {
        let sum: f32 = answer.logprobs.iter().map(|l| l.token.logprob).sum();
        let perplexity = (-sum / answer.logprobs.len() as f32).exp();
        println!("{} (perplexity {perplexity:.2})", answer.text.trim());
    }
    Ok(())
}
