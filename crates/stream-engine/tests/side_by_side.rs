//! Two engines in one process, streaming at the same time.

use futures::StreamExt;
use futures::executor::block_on;
use stream_engine::core::{Request, TokenId};
use stream_engine::{BackendKind, StreamingConfig, StreamingEngine};

const TOKENS: usize = 24;

fn engine(kind: BackendKind) -> StreamingEngine {
    StreamingEngine::new(StreamingConfig::default().backend(kind))
}

fn request() -> Request {
    let request = Request::user("Tell me about the sea.").greedy();
    request.max_tokens(TOKENS).build().unwrap()
}

#[test]
fn candle_and_onnx_stream_at_the_same_time() {
    let engines = [BackendKind::Candle, BackendKind::Onnx].map(engine);
    let alone = engines.each_ref().map(|engine| -> Vec<TokenId> {
        let mut stream = engine.generate(request()).unwrap().blocking();
        stream.completion().unwrap().ids
    });
    let mut streams = engines
        .each_ref()
        .map(|engine| engine.generate(request()).unwrap());
    let mut ids: [Vec<TokenId>; 2] = Default::default();
    // A record of each in turn: neither waits for the other's end.
    block_on(async {
        for _ in 0..TOKENS {
            for (stream, ids) in streams.iter_mut().zip(&mut ids) {
                let record = stream.next().await;
                ids.extend(record.and_then(|token| token.unwrap().id));
            }
        }
    });
    assert!(ids.iter().all(|ids| !ids.is_empty()));
    for (alone, together) in alone.iter().zip(&ids) {
        assert!(alone.starts_with(together), "{alone:?}, {together:?}");
    }
}
