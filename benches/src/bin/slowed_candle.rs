//! A contender for `stream-engine bench` that is too slow by a known amount: the candle engine,
//! which sleeps before each step. It proves that the bench can tell. It does not draft, so that
//! each token of one stream takes one step.
//!
//! ```text
//! slowed_candle MODEL.gguf MICROSECONDS
//! ```

use std::error::Error;
use std::io::{stdin, stdout};
use std::thread::sleep;
use std::time::Duration;

use backend_candle::{CandleModel, CandleOptions};
use stream_bench::worker;
use stream_checkpoint::Checkpoint;
use stream_runtime::{Batch, Engine, EngineConfig, Model, ModelError, Next, SequenceId, Spec};

/// Another model, a sleep later.
struct Slowed<M> {
    inner: M,
    sleep: Duration,
}

impl<M: Model<Ticket = Vec<Next>>> Model for Slowed<M> {
    type Ticket = Vec<Next>;

    fn spec(&self) -> &Spec {
        self.inner.spec()
    }

    fn launch(&mut self, batch: &Batch<'_>) -> Result<Vec<Next>, ModelError> {
        if !self.sleep.is_zero() {
            sleep(self.sleep);
        }
        self.inner.launch(batch)
    }

    fn collect(&mut self, ticket: Vec<Next>, next: &mut Vec<Next>) -> Result<(), ModelError> {
        self.inner.collect(ticket, next)
    }

    fn release(&mut self, sequence: SequenceId) {
        self.inner.release(sequence);
    }

    fn reset(&mut self) -> Result<(), ModelError> {
        self.inner.reset()
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, microseconds] = &arguments[..] else {
        return Err("usage: slowed_candle MODEL.gguf MICROSECONDS".into());
    };
    let sleep = Duration::from_micros(microseconds.parse()?);
    let checkpoint = Checkpoint::open(path)?;
    let inner = CandleModel::load(&checkpoint, &CandleOptions::default())?;
    let config = EngineConfig {
        speculative_tokens: 0,
        ..EngineConfig::new("candle", checkpoint.name(), inner.device())
    };
    let tokenizer = checkpoint.tokenizer().clone();
    let engine = Engine::start(Slowed { inner, sleep }, tokenizer, config)?;
    worker::serve(&engine, env!("CARGO_PKG_VERSION"), stdin().lock(), stdout())?;
    Ok(())
}
