//! Tokens written as the events of a chat, beside what servers usually do.
//!
//! ```text
//! cargo bench -p stream-benches --bench sse
//! ```
//!
//! A step's tokens go into one buffer, as in the server. "A struct" serialises a struct for each
//! token with serde_json, "a value" builds `serde_json::Value`s first. All three write events that
//! say the same, which is checked before anything is timed.

use std::hint::black_box;
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde::Serialize;
use serde_json::{Value, json};
use stream_benches::sample_text::texts;
use stream_server::sse::{ChunkHead, ChunkKind, ChunkWriter};

const ID: &str = "chatcmpl-7f1d0c2e9b8a4c53";
const MODEL: &str = "SmolLM2-135M-Instruct";
const CREATED: u64 = 1_790_000_000;

#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: [Choice<'a>; 1],
}

#[derive(Serialize)]
struct Choice<'a> {
    index: usize,
    delta: Delta<'a>,
    logprobs: Option<()>,
    finish_reason: Option<&'static str>,
}

#[derive(Serialize)]
struct Delta<'a> {
    content: &'a str,
}

fn writer() -> ChunkWriter {
    let head = ChunkHead {
        kind: ChunkKind::Chat,
        id: ID,
        created: CREATED,
        model: MODEL,
        usage: false,
    };
    ChunkWriter::new(head, 0)
}

fn event(out: &mut BytesMut, data: &impl Serialize) {
    out.put_slice(b"data: ");
    serde_json::to_writer((&mut *out).writer(), data).expect("a buffer takes everything");
    out.put_slice(b"\n\n");
}

fn structure(out: &mut BytesMut, content: &str) {
    let choice = Choice {
        index: 0,
        delta: Delta { content },
        logprobs: None,
        finish_reason: None,
    };
    let chunk = Chunk {
        id: ID,
        object: "chat.completion.chunk",
        created: CREATED,
        model: MODEL,
        choices: [choice],
    };
    event(out, &chunk);
}

fn value(out: &mut BytesMut, content: &str) {
    let chunk = json!({
        "id": ID, "object": "chat.completion.chunk", "created": CREATED, "model": MODEL,
        "choices": [{"index": 0, "delta": {"content": content}, "logprobs": null,
                     "finish_reason": null}],
    });
    event(out, &chunk);
}

/// What the events of a buffer say.
fn read(buffer: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(buffer).expect("events are text");
    let data = text
        .split_terminator("\n\n")
        .map(|event| &event["data: ".len()..]);
    data.map(|json| serde_json::from_str(json).expect("events are JSON"))
        .collect()
}

/// Writes the event of one token's text to the end of a buffer.
type Write<'a> = dyn Fn(&mut BytesMut, &str) + 'a;

fn sse(criterion: &mut Criterion) {
    let writer = writer();
    let ours = |out: &mut BytesMut, text: &str| writer.text(out, text);
    let ways: [(&str, &Write<'_>); 3] = [
        ("ours", &ours),
        ("a struct", &structure),
        ("a value", &value),
    ];
    for (name, text) in texts() {
        let tokens: Vec<&str> = text.split_inclusive(' ').collect();
        let written = ways.map(|(_, write)| {
            let mut out = BytesMut::new();
            tokens.iter().for_each(|token| write(&mut out, token));
            read(&out)
        });
        assert!(written.iter().all(|events| *events == written[0]));
        let mut group = criterion.benchmark_group(format!("sse, {name}"));
        group.throughput(Throughput::Elements(tokens.len() as u64));
        for (way, write) in ways {
            let mut out = BytesMut::with_capacity(1 << 20);
            group.bench_function(way, |b| {
                b.iter(|| {
                    out.clear();
                    tokens
                        .iter()
                        .for_each(|token| write(&mut out, black_box(token)));
                    out.len()
                });
            });
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2));
    targets = sse
}
criterion_main!(benches);
