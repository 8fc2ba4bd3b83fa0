//! From token ids to text, one token at a time, beside what is used for it elsewhere.
//!
//! ```text
//! cargo bench -p stream-benches --bench detokenizer
//! ```
//!
//! The tokens are the default model's. `DecodeStream` is that of the tokenizers library. "All
//! again" decodes every id so far for each token and takes what is new, as a first attempt does;
//! its time grows with the square of the length, so it is given fewer tokens.

use std::fs::File;
use std::hint::black_box;
use std::time::Duration;

use candle_core::quantized::gguf_file::Content;
use candle_core::quantized::tokenizer::TokenizerFromGguf;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use stream_benches::sample_text::texts;
use stream_checkpoint::{Checkpoint, ModelTokenizer, default_model};
use stream_core::{Stop, TokenId, Tokenizer};
use stream_runtime::text::TextAssembler;
use tokenizers::Tokenizer as Theirs;

/// Tokens for the baseline whose time grows with their square.
const FEW: usize = 200;

fn ours(tokenizer: &ModelTokenizer, ids: &[TokenId]) -> String {
    let mut assembler = TextAssembler::new(&Stop::default());
    let mut text = String::new();
    for &id in ids {
        let piece = assembler.push(tokenizer, id);
        text += &piece.expect("the tokenizer knows its own ids").text;
    }
    text + &assembler.finish().text
}

fn decode_stream(tokenizer: &Theirs, ids: &[TokenId]) -> String {
    let mut stream = tokenizer.decode_stream(false);
    let mut text = String::new();
    for &id in ids {
        let piece = stream.step(id).expect("it decodes its own ids");
        text += piece.as_deref().unwrap_or_default();
    }
    text
}

/// For each token the whole text so far; an incomplete character is waited for.
fn all_again(tokenizer: &Theirs, ids: &[TokenId]) -> String {
    let mut text = String::new();
    for end in 1..=ids.len() {
        let all = tokenizer.decode(&ids[..end], false);
        let all = all.expect("it decodes its own ids");
        if !all.ends_with(char::REPLACEMENT_CHARACTER) {
            text += &all[text.len()..];
        }
    }
    text
}

fn detokenizer(criterion: &mut Criterion) {
    let path = default_model::path().expect("the model's place is known");
    let checkpoint = Checkpoint::open(&path).expect("the default model lies in its place");
    let mut file = File::open(&path).expect("the file is there");
    let content = Content::read(&mut file).expect("it is GGUF");
    let theirs = Theirs::from_gguf(&content).expect("it has a tokenizer");
    let tokenizer = checkpoint.tokenizer();
    for (name, text) in texts() {
        let ids = tokenizer.encode(&text).expect("the text has tokens");
        assert_eq!(ours(tokenizer, &ids), decode_stream(&theirs, &ids));
        let few = &ids[..FEW];
        let mut group = criterion.benchmark_group(format!("detokenizer, {name}"));
        group.throughput(Throughput::Elements(ids.len() as u64));
        group.bench_function("ours", |b| b.iter(|| ours(tokenizer, black_box(&ids))));
        group.bench_function("DecodeStream", |b| {
            b.iter(|| decode_stream(&theirs, black_box(&ids)));
        });
        group.throughput(Throughput::Elements(FEW as u64));
        group.bench_function(format!("all again, {FEW} tokens"), |b| {
            b.iter(|| all_again(&theirs, black_box(few)));
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2));
    targets = detokenizer
}
criterion_main!(benches);
