//! Ids and texts on a corpus of 2,000 lines, against the reference libraries.
//!
//! `tests/tokenizers/make.py` made the files and says where the ids come from.

use serde_json::Value;
use stream_checkpoint::{Checkpoint, ModelTokenizer, TokenizerFiles, default_model};
use stream_core::{TokenId, Tokenizer};

use crate::gguf_writer::{self, File};
use crate::tiny_model::{HIDDEN, f32_tensor, file, open};

const CORPUS: &str = include_str!("../tokenizers/corpus.jsonl");
const PIECES: &str = include_str!("../tokenizers/sentencepiece.pieces.json");
const LINES: usize = 2_000;

/// A fixture: what it is called, its `tokenizer.json`, and a checksum of each line's ids.
struct Fixture {
    name: &'static str,
    json: &'static str,
    ids: &'static str,
}

macro_rules! fixtures {
    ($($name:literal),*) => {
        [$(Fixture {
            name: $name,
            json: include_str!(concat!("../tokenizers/", $name, ".json")),
            ids: include_str!(concat!("../tokenizers/", $name, ".ids")),
        }),*]
    };
}

/// Named as `tokenizer.ggml.pre` names their rule.
const BYTE_LEVEL: [Fixture; 8] = fixtures![
    "gpt-2",
    "smollm",
    "llama-bpe",
    "qwen2",
    "qwen35",
    "tekken",
    "gpt-4o",
    "deepseek-v3"
];
/// One vocabulary, with spaces put in front as Llama 2's and as Mistral's files say it.
const SENTENCE_PIECE: [Fixture; 2] = fixtures!["llama-2", "mistral"];

fn lines() -> Vec<String> {
    let lines = CORPUS.lines().map(serde_json::from_str);
    let lines: Vec<String> = lines.collect::<Result<_, _>>().expect("a string a line");
    assert_eq!(lines.len(), LINES);
    lines
}

/// FNV-1a of 32 bits over the ids, little endian.
fn checksum(ids: &[TokenId]) -> u32 {
    let bytes = ids.iter().flat_map(|id| id.to_le_bytes());
    bytes.fold(0x811C_9DC5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

/// Every line has the ids that the reference has.
fn check(name: &str, tokenizer: &ModelTokenizer, expected: &str) {
    let mut expected = expected.lines();
    let different: Vec<String> = lines()
        .into_iter()
        .filter(|line| {
            let ids = tokenizer.encode(line).expect("text");
            Some(&*format!("{:08x}", checksum(&ids))) != expected.next()
        })
        .collect();
    assert!(
        different.is_empty(),
        "{name}: {} lines differ, such as {:?}",
        different.len(),
        &different[..different.len().min(5)]
    );
    assert_eq!(expected.next(), None);
}

fn hugging_face(json: &str) -> ModelTokenizer {
    let files = TokenizerFiles {
        tokenizer_json: json.as_bytes(),
        tokenizer_config: None,
        special_tokens_map: None,
        chat_template: None,
        end_ids: &[],
        bos_id: None,
        vocabulary: 4_096,
    };
    ModelTokenizer::from_hugging_face(&files).expect("a tokenizer")
}

/// The tiny model with other tokens.
fn gguf(tokens: Vec<String>, types: Vec<i32>) -> File {
    let mut file = file();
    let count = tokens.len() as u64;
    *file.tensor("token_embd.weight") = f32_tensor("token_embd.weight", &[HIDDEN, count]);
    file.set("tokenizer.ggml.tokens", gguf_writer::Value::Strings(tokens));
    file.set("tokenizer.ggml.token_type", gguf_writer::Value::I32s(types));
    file
}

/// The same tokenizer as a GGUF file has it.
fn byte_level_gguf(fixture: &Fixture) -> Checkpoint {
    let json: Value = serde_json::from_str(fixture.json).expect("JSON");
    let vocab = json["model"]["vocab"].as_object().expect("a vocabulary");
    let added = json["added_tokens"].as_array().expect("a list");
    let mut tokens: Vec<(u64, String, i32)> = vocab
        .iter()
        .map(|(text, id)| (id.as_u64().expect("an id"), text.clone(), 1))
        .collect();
    tokens.extend(added.iter().map(|token| {
        let text = token["content"].as_str().expect("a text").to_owned();
        let kind = if token["special"] == true { 3 } else { 4 };
        (token["id"].as_u64().expect("an id"), text, kind)
    }));
    tokens.sort();
    let bos = tokens
        .iter()
        .position(|(_, text, _)| text == "<|endoftext|>");
    let merge = |pair: &Value| format!("{} {}", text(&pair[0]), text(&pair[1]));
    let merges = json["model"]["merges"].as_array().expect("a list");
    let merges = merges.iter().map(merge).collect();
    let (texts, types) = tokens
        .into_iter()
        .map(|(_, text, kind)| (text, kind))
        .unzip();
    let mut file = gguf(texts, types);
    file.set("tokenizer.ggml.merges", gguf_writer::Value::Strings(merges));
    file.set("tokenizer.ggml.pre", gguf_writer::Value::text(fixture.name));
    let bos = bos.expect("a special token") as u32;
    file.set("tokenizer.ggml.bos_token_id", gguf_writer::Value::U32(bos));
    open(&file).expect(fixture.name)
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

/// The SentencePiece vocabulary as llama.cpp's conversion writes it.
fn sentence_piece_gguf() -> File {
    let pieces: Vec<(String, f32, i32)> = serde_json::from_str(PIECES).expect("a list");
    let scores = pieces.iter().flat_map(|(_, score, _)| score.to_le_bytes());
    let mut array = Vec::new();
    gguf_writer::array_head(&mut array, 6, pieces.len());
    array.extend(scores);
    let (texts, types) = pieces
        .into_iter()
        .map(|(text, _, kind)| (text, kind))
        .unzip();
    let mut file = gguf(texts, types);
    for key in ["merges", "pre", "bos_token_id", "eos_token_id"] {
        file.remove(&format!("tokenizer.ggml.{key}"));
    }
    file.set("tokenizer.ggml.model", gguf_writer::Value::text("llama"));
    file.set("tokenizer.ggml.scores", gguf_writer::Value::Raw(9, array));
    file.set("tokenizer.ggml.bos_token_id", gguf_writer::Value::U32(1));
    file
}

#[test]
fn byte_level_folders_have_the_ids_of_the_reference() {
    for fixture in &BYTE_LEVEL {
        check(fixture.name, &hugging_face(fixture.json), fixture.ids);
    }
}

#[test]
fn byte_level_gguf_files_have_the_ids_of_the_reference() {
    for fixture in &BYTE_LEVEL {
        let checkpoint = byte_level_gguf(fixture);
        check(fixture.name, checkpoint.tokenizer(), fixture.ids);
    }
}

#[test]
fn sentence_piece_folders_have_the_ids_of_the_reference() {
    for fixture in &SENTENCE_PIECE {
        check(fixture.name, &hugging_face(fixture.json), fixture.ids);
    }
}

#[test]
fn sentence_piece_gguf_files_have_the_ids_of_the_sentencepiece_library() {
    let mut file = sentence_piece_gguf();
    let with_prefix = open(&file).expect("a tokenizer");
    let expected = include_str!("../tokenizers/sentencepiece.ids");
    check("sentencepiece", with_prefix.tokenizer(), expected);

    let no = gguf_writer::Value::Bool(false);
    file.set("tokenizer.ggml.add_space_prefix", no.clone());
    file.set("tokenizer.ggml.add_bos_token", no);
    let bare = open(&file).expect("a tokenizer");
    let expected = include_str!("../tokenizers/sentencepiece.bare.ids");
    check("sentencepiece.bare", bare.tokenizer(), expected);
}

#[test]
fn the_default_model_has_the_ids_of_the_reference() {
    let path = default_model::path().expect("a cache folder");
    let checkpoint = Checkpoint::open(path).expect("the default model");
    let expected = include_str!("../tokenizers/smollm2.ids");
    check("smollm2", checkpoint.tokenizer(), expected);
}

/// A text that is decoded from its beginning on is what the library makes of it, and the text
/// that was encoded.
#[test]
fn decoding_is_the_library_s() {
    for fixture in BYTE_LEVEL.iter().chain(&SENTENCE_PIECE) {
        let tokenizer = hugging_face(fixture.json);
        let library = tokenizers::Tokenizer::from_bytes(fixture.json).expect("a tokenizer");
        for line in lines() {
            let ids = tokenizer.encode(&line).expect("text");
            let text = tokenizer.decode(&ids);
            let expected = library.decode(&ids, true).expect("text");
            assert_eq!(text, expected, "{}: {line:?}", fixture.name);
            let kept = fixture.name != "mistral" && !line.contains(['<', '\u{2581}']);
            assert!(!kept || text == line, "{}: {line:?}", fixture.name);
        }
    }
}

/// An answer is what is left of prompt and answer, decoded together, without the prompt: the
/// first space of a SentencePiece answer is part of it.
#[test]
fn an_answer_is_the_rest_of_the_whole_text() {
    for fixture in BYTE_LEVEL.iter().chain(&SENTENCE_PIECE) {
        let tokenizer = hugging_face(fixture.json);
        let library = tokenizers::Tokenizer::from_bytes(fixture.json).expect("a tokenizer");
        let mut checked = 0;
        for line in lines() {
            let ids = tokenizer.encode(&line).expect("text");
            let (prompt, answer) = ids.split_at(ids.len() / 2);
            let bytes = |ids: &[TokenId]| {
                let tokens = ids.iter().filter_map(|id| tokenizer.token_bytes(*id));
                String::from_utf8(tokens.flatten().copied().collect())
            };
            let (Ok(begun), Ok(answered)) = (bytes(prompt), bytes(answer)) else {
                continue; // cut within a character
            };
            if begun.trim().is_empty() {
                continue; // the answer would be the beginning of the text
            }
            let before = library.decode(prompt, true).expect("text");
            let whole = library.decode(&ids, true).expect("text");
            assert_eq!(before + &answered, whole, "{}: {line:?}", fixture.name);
            checked += 1;
        }
        assert!(checked > LINES / 2, "{}: {checked}", fixture.name);
    }
}
