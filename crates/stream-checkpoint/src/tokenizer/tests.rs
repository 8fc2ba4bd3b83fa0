//! Cuts against the published patterns, and bytes against another decoder.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;
use stream_core::{TokenId, Tokenizer};
use tokenizers::decoders::byte_level::ByteLevel;
use tokenizers::tokenizer::normalizer::OffsetReferential;
use tokenizers::{OffsetType, PreTokenizedString, PreTokenizer};

use super::ModelTokenizer;
use super::pre::Cut;
use crate::gguf;
use crate::weights::TensorTable;
use crate::{Access, default_model, source::Source};

const SPLITS: &str = include_str!("../../tests/fixtures/splits.json");

/// The words as they stand in the text.
fn words(cut: Cut, text: &str) -> Vec<&str> {
    let mut split = PreTokenizedString::from(text);
    let pre_tokenizer = cut.pre_tokenizer().expect("a known pattern");
    pre_tokenizer.pre_tokenize(&mut split).expect("words");
    let splits = split.get_splits(OffsetReferential::Original, OffsetType::Byte);
    splits
        .into_iter()
        .map(|(_, (begin, end), _)| &text[begin..end])
        .collect()
}

#[test]
fn cuts_are_those_of_the_published_patterns() {
    let cases: Vec<Value> = serde_json::from_str(SPLITS).expect("a list of cases");
    assert!(cases.len() > 15);
    for case in &cases {
        let text = case["text"].as_str().expect("a text");
        for name in ["gpt-2", "llama-bpe", "smollm"] {
            let cut = Cut::named(name).expect("a known name");
            let expected = case[name].as_array().expect("words");
            let expected: Vec<&str> = expected.iter().filter_map(Value::as_str).collect();
            assert_eq!(words(cut, text), expected, "{name}: {text:?}");
        }
    }
}

fn default_tokenizer() -> ModelTokenizer {
    let path = default_model::path().expect("a cache folder");
    let source = Source::open(&path, Access::Map).unwrap_or_else(|fault| {
        panic!(
            "{} {fault}: run `cargo xtask test`, which fetches it",
            path.display()
        )
    });
    let metadata =
        gguf::parse(source.bytes(), 0, &mut TensorTable::default()).expect("the default model");
    ModelTokenizer::read(&metadata).expect("its tokenizer")
}

/// Our bytes, as text.
fn text(tokenizer: &ModelTokenizer, ids: &[TokenId]) -> String {
    let bytes = ids.iter().filter_map(|id| tokenizer.token_bytes(*id));
    String::from_utf8_lossy(&bytes.flatten().copied().collect::<Vec<u8>>()).into_owned()
}

#[test]
fn bytes_are_what_another_decoder_gives() {
    let tokenizer = default_tokenizer();
    let mut decoder = tokenizer.encoder.clone();
    decoder.with_decoder(Some(ByteLevel::default()));
    let any_id = 0..tokenizer.vocabulary_size() as TokenId;
    proptest!(ProptestConfig::with_cases(2_000), |(ids in vec(any_id, 0..60))| {
        let expected = decoder.decode(&ids, true).expect("known ids");
        prop_assert_eq!(text(&tokenizer, &ids), expected);
    });
}

#[test]
fn text_comes_back_as_it_was() {
    let tokenizer = default_tokenizer();
    // Without the eight bytes that are in no token of this vocabulary: 4, 6, 19, 20, 22, 29, and
    // two that only begin characters that are not assigned.
    proptest!(ProptestConfig::with_cases(2_000), |(original in "[ -~\n\t¡-ÿĀ-ſΑ-ωА-я一-丿😀-🙏]{0,80}")| {
        let ids = tokenizer.encode(&original).expect("text");
        prop_assert_eq!(text(&tokenizer, &ids), original);
    });
}
