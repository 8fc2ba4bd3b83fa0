//! Row 15 of the list of faults: a `tokenizer.json` that is damaged, crafted or of an unknown kind.

use proptest::prelude::*;
use serde_json::{Value, json};
use stream_checkpoint::{Fault, ModelTokenizer, TokenizerFiles};
use stream_core::{TokenId, Tokenizer};

use crate::hugging_face::{byte_level, files, read, read_with};
use crate::tiny_model::tokens;

fn read_bytes(json: &[u8]) -> Result<ModelTokenizer, Fault> {
    ModelTokenizer::from_hugging_face(&files(json))
}

/// The error says what it should.
fn check(case: &str, result: Result<ModelTokenizer, Fault>, expected: &str) {
    match result {
        Ok(_) => panic!("{case}: was read, expected: {expected}"),
        Err(error) => {
            let found = error.to_string();
            assert!(matches!(error, Fault::Tokenizer(_)), "{case}: {error:?}");
            assert!(found.contains(expected), "{case}: {found}");
        }
    }
}

fn check_changed(case: &str, change: impl FnOnce(&mut Value), expected: &str) {
    let mut json = byte_level();
    change(&mut json);
    check(case, read_with(&json, &json!({}), |_| {}), expected);
}

#[test]
fn what_is_no_tokenizer() {
    let deep = "[".repeat(100_000);
    let nested = format!(
        "{}{}",
        r#"{"decoder":{"type":"Sequence","decoders":["#.repeat(2_000),
        "1"
    );
    let cases: [(&str, &[u8]); 6] = [
        ("empty", b""),
        ("null", b"null"),
        ("not UTF-8", b"{\"version\":\"\xC3\x28\"}"),
        (
            "cut off",
            br#"{"version":"1.0","model":{"type":"BPE","vocab":{"#,
        ),
        ("deep", deep.as_bytes()),
        ("nested decoders", nested.as_bytes()),
    ];
    for (case, json) in cases {
        check(
            case,
            read_bytes(json),
            "the tokenizer cannot be built: tokenizer.json: ",
        );
    }
}

#[test]
fn what_is_too_long_is_not_read() {
    let long = vec![b' '; TokenizerFiles::MOST_TOKENIZER_BYTES + 1];
    let expected = "tokenizer.json has 134217729 bytes, at most 134217728 are read";
    check("long", read_bytes(&long), expected);
    let long = vec![b' '; TokenizerFiles::MOST_CONFIG_BYTES + 1];
    let json = byte_level().to_string();
    let mut with_config = files(json.as_bytes());
    with_config.tokenizer_config = Some(&long);
    let mut with_map = files(json.as_bytes());
    with_map.special_tokens_map = Some(&long);
    for (files, name) in [
        (with_config, "tokenizer_config.json"),
        (with_map, "special_tokens_map.json"),
    ] {
        let expected = format!("{name} has 16777217 bytes, at most 16777216 are read");
        check(name, ModelTokenizer::from_hugging_face(&files), &expected);
    }
}

#[test]
fn what_contradicts_itself() {
    check_changed(
        "version",
        |json| json["version"] = json!("2.0"),
        "Unknown tokenizer version",
    );
    check_changed(
        "merges",
        |json| json["model"]["merges"] = json!(["h zz"]),
        "out of vocabulary",
    );
    check_changed(
        "model",
        |json| json["model"]["type"] = json!("Oracle"),
        "tokenizer.json: ",
    );
    check_changed(
        "no model",
        |json| json["model"] = Value::Null,
        "tokenizer.json: ",
    );
    check_changed(
        "ids",
        |json| json["model"]["vocab"]["a"] = json!(4_000_000_000_u32),
        "has the token id 4000000000, but the model has only 266 logits",
    );
    check_changed(
        "negative id",
        |json| json["model"]["vocab"]["a"] = json!(-1),
        "tokenizer.json: ",
    );
    check_changed(
        "added id",
        |json| json["added_tokens"][1]["id"] = json!(77),
        r#"the added token "</s>" has the id 77, which does not follow"#,
    );
    check_changed(
        "an id around every text",
        |json| {
            json["post_processor"] = json!({
                "type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
                           {"Sequence": {"id": "A", "type_id": 0}}],
                "pair": [{"Sequence": {"id": "A", "type_id": 0}},
                         {"Sequence": {"id": "B", "type_id": 0}}],
                "special_tokens": {"<s>": {"id": "<s>", "ids": [575], "tokens": ["<s>"]}},
            });
        },
        "the post-processor puts the id 575 around a text, but no token has it",
    );
    check_changed(
        "nothing can be encoded",
        |json| {
            json["model"]["vocab"] = json!({});
            json["model"]["merges"] = json!([]);
            json["added_tokens"] = json!([]);
        },
        "can be encoded",
    );
}

/// Each of these made the library beneath panic when it was tried.
#[test]
fn what_makes_the_library_panic() {
    let long = "h".repeat(40);
    check_changed(
        "a merge that is longer than every token",
        |json| json["model"]["merges"] = json!([format!("h {long}"), format!("{long} h")]),
        "tokenizer.json: ",
    );
    check_changed(
        "a decoder that is a number",
        |json| json["decoder"] = json!(5),
        "tokenizer.json: ",
    );
    check_changed(
        "a template without its token",
        |json| {
            json["post_processor"] = json!({
                "type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": "nothing", "type_id": 0}}],
                "pair": [], "special_tokens": {}
            });
        },
        "tokenizer.json: ",
    );
}

#[test]
fn decoders_without_a_table_of_bytes_are_named() {
    let sequence = |steps: Value| json!({"type": "Sequence", "decoders": steps});
    let replace = json!({"type": "Replace", "pattern": {"String": "x"}, "content": " "});
    let regex = json!({"type": "Replace", "pattern": {"Regex": "x+"}, "content": " "});
    let fuse = json!({"type": "Fuse"});
    let bytes = json!({"type": "ByteFallback"});
    let strip_end = json!({"type": "Strip", "content": " ", "start": 0, "stop": 1});
    let cases = [
        (
            json!({"type": "WordPiece", "prefix": "##", "cleanup": true}),
            "WordPiece",
        ),
        (
            json!({"type": "BPEDecoder", "suffix": "</w>"}),
            "BPEDecoder",
        ),
        (
            json!({"type": "CTC", "pad_token": "_", "word_delimiter_token": "|", "cleanup": true}),
            "CTC",
        ),
        (regex, "Regex"),
        (sequence(json!([fuse, replace])), "Replace"),
        (sequence(json!([bytes, replace])), "Replace"),
        (sequence(json!([fuse, bytes])), "ByteFallback"),
        (sequence(json!([fuse, strip_end])), "Strip"),
    ];
    for (decoder, name) in cases {
        check_changed(name, |json| json["decoder"] = decoder, name);
    }
    check_changed(
        "none",
        |json| json["decoder"] = Value::Null,
        "has no decoder",
    );
}

#[test]
fn mistakes_in_the_other_files() {
    let cases = [
        (json!([]), "tokenizer_config.json: "),
        (
            json!({"bos_token": 5}),
            "`bos_token` must be a string or an object with `content`",
        ),
        (
            json!({"add_bos_token": "yes"}),
            "`add_bos_token` must be a boolean",
        ),
        (json!({"chat_template": 7}), "`chat_template` must be"),
        (
            json!({"added_tokens_decoder": {"x": {"content": "y"}}}),
            "`added_tokens_decoder` must be",
        ),
        (
            json!({"added_tokens_decoder": {"5": {}}}),
            "`added_tokens_decoder` must be",
        ),
    ];
    for (config, expected) in cases {
        let result = read_with(&byte_level(), &config, |_| {});
        check(&config.to_string(), result, expected);
    }
}

/// Whatever the file, reading it and using what was read come to an end without a panic.
fn read_and_use(json: &[u8]) {
    let Ok(tokenizer) = read_bytes(json) else {
        return;
    };
    let size = tokenizer.vocabulary_size();
    assert!(size <= tokens().len());
    for id in tokenizer.encode("hello <s> wörld 12\n").unwrap_or_default() {
        assert!((id as usize) < size, "id {id} of {size}");
    }
    let all: Vec<TokenId> = (0..size as TokenId).collect();
    let _ = tokenizer.decode(&all);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_file_with_pieces_moved(cuts in prop::collection::vec((any::<usize>(), any::<usize>(), 1_usize..12), 1..4)) {
        let mut json = byte_level().to_string().into_bytes();
        for (from, to, length) in cuts {
            let from = from % (json.len() - length);
            let piece: Vec<u8> = json.drain(from..from + length).collect();
            let to = to % json.len();
            json.splice(to..to, piece);
        }
        read_and_use(&json);
    }

    #[test]
    fn a_file_with_other_digits(digits in prop::collection::vec((any::<usize>(), b'0'..=b'9'), 1..6)) {
        let mut json = byte_level().to_string().into_bytes();
        let places: Vec<usize> = (0..json.len()).filter(|i| json[*i].is_ascii_digit()).collect();
        for (place, digit) in digits {
            json[places[place % places.len()]] = digit;
        }
        read_and_use(&json);
    }
}

#[test]
fn tokens_of_the_config_are_added() {
    let config = json!({"added_tokens_decoder": {
        "3": {"content": "<tool call>", "special": true},
        "266": {"content": "<new>", "special": false, "normalized": false},
    }});
    let tokenizer = read_with(&byte_level(), &config, |files| files.vocabulary = 300);
    let tokenizer = tokenizer.expect("a tokenizer");
    assert_eq!(tokenizer.encode("<new>").expect("text"), [266]);
    assert_eq!(
        tokenizer.token_bytes(3),
        Some(&b""[..]),
        "special by its second file"
    );
    assert_eq!(
        read(&byte_level(), &json!({})).token_bytes(3),
        Some(&b"<tool call>"[..])
    );
}
