//! Tokenizers of Hugging Face folders: small ones, made for what they show.

use serde_json::{Value, json};
use stream_checkpoint::{ChatInput, Fault, ModelTokenizer, TokenizerFiles};
use stream_core::{Message, TokenId, Tokenizer};

use crate::tiny_model::{BOS, CONTROL, EOS, MERGES, USER_DEFINED, tokens};

/// The tokenizer of the tiny model as a `tokenizer.json`.
pub(crate) fn byte_level() -> Value {
    let tokens = tokens();
    let named = CONTROL.len() + USER_DEFINED.len();
    let added = |(id, text): (usize, &String)| {
        let special = id < CONTROL.len();
        json!({"id": id, "content": text, "special": special, "normalized": false,
               "single_word": false, "lstrip": false, "rstrip": false})
    };
    let added: Vec<Value> = tokens.iter().take(named).enumerate().map(added).collect();
    let vocab: serde_json::Map<String, Value> = tokens
        .iter()
        .enumerate()
        .map(|(id, text)| (text.clone(), json!(id)))
        .collect();
    json!({
        "version": "1.0",
        "added_tokens": added,
        "normalizer": null,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false,
                          "trim_offsets": true, "use_regex": true},
        "post_processor": null,
        "decoder": {"type": "ByteLevel", "add_prefix_space": false,
                    "trim_offsets": true, "use_regex": true},
        "model": {"type": "BPE", "vocab": vocab, "merges": MERGES},
    })
}

fn bos_in_front() -> Value {
    json!({
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
                   {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}},
                 {"Sequence": {"id": "B", "type_id": 0}}],
        "special_tokens": {"<s>": {"id": "<s>", "ids": [BOS], "tokens": ["<s>"]}},
    })
}

/// A folder with nothing but this `tokenizer.json`.
pub(crate) fn files(json: &[u8]) -> TokenizerFiles<'_> {
    TokenizerFiles {
        tokenizer_json: json,
        tokenizer_config: None,
        special_tokens_map: None,
        chat_template: None,
        end_ids: &[EOS],
        bos_id: None,
        vocabulary: tokens().len(),
    }
}

pub(crate) fn read_with(
    json: &Value,
    config: &Value,
    change: impl FnOnce(&mut TokenizerFiles<'_>),
) -> Result<ModelTokenizer, Fault> {
    let (json, config) = (json.to_string(), config.to_string());
    let mut files = files(json.as_bytes());
    files.tokenizer_config = Some(config.as_bytes());
    change(&mut files);
    ModelTokenizer::from_hugging_face(&files)
}

pub(crate) fn read(json: &Value, config: &Value) -> ModelTokenizer {
    read_with(json, config, |_| {}).expect("a tokenizer")
}

fn id(token: &str) -> TokenId {
    let place = tokens().iter().position(|t| t == token);
    place.expect("a token of the tiny model") as TokenId
}

#[test]
fn the_same_as_the_gguf_file() {
    let gguf = crate::tiny_model::open(&crate::tiny_model::file()).expect("the tiny model");
    let tokenizer = read(&byte_level(), &json!({}));
    let text = "<s>hello</s> w<tool call> é!\tx 12<pad";
    let encode = |t: &ModelTokenizer| t.encode(text).expect("text");
    assert_eq!(encode(&tokenizer), encode(gguf.tokenizer()));
    assert_eq!(tokenizer.vocabulary_size(), tokens().len());
    let differ = id("é!");
    for id in (0..=tokens().len() as TokenId).filter(|id| *id != differ) {
        let expected = gguf.tokenizer().token_bytes(id);
        assert_eq!(tokenizer.token_bytes(id), expected, "{id}");
    }
    // The library decodes an added token with the alphabet where it can, llama.cpp never does.
    assert_eq!(tokenizer.token_bytes(differ), Some(&b"\xE9!"[..]));
}

#[test]
fn bos_stands_where_the_files_say() {
    let mut with_bos = byte_level();
    with_bos["post_processor"] = bos_in_front();
    let hello = id("hello");
    let stated = |add: Value| json!({"bos_token": "<s>", "eos_token": {"content": "</s>"}, "add_bos_token": add});
    let cases = [
        (&with_bos, stated(Value::Null), vec![BOS, hello]),
        (&with_bos, stated(json!(true)), vec![BOS, hello]),
        (&with_bos, stated(json!(false)), vec![hello]),
        (&byte_level(), stated(Value::Null), vec![hello]),
        (&byte_level(), stated(json!(true)), vec![BOS, hello]),
        (
            &byte_level(),
            json!({"eos_token": "</s>", "add_eos_token": true}),
            vec![hello, EOS],
        ),
    ];
    for (json, config, expected) in cases {
        let tokenizer = read(json, &config);
        assert_eq!(
            tokenizer.encode("hello").expect("text"),
            expected,
            "{config}"
        );
        assert_eq!(tokenizer.encode_chat("hello").expect("text"), [hello]);
        let chat = tokenizer.encode_chat("<s>hello").expect("text");
        assert_eq!(chat, [BOS, hello], "what the template wrote");
    }
}

#[test]
fn end_ids_come_from_every_file() {
    let config = json!({"eos_token": "<pad>"});
    let with_ends = |ids: &'static [TokenId]| {
        let tokenizer = read_with(&byte_level(), &config, |files| files.end_ids = ids);
        tokenizer.expect("a tokenizer").end_ids().to_vec()
    };
    assert_eq!(with_ends(&[]), [2]);
    assert_eq!(with_ends(&[EOS, 7, EOS]), [EOS, 2, 7]);
}

#[test]
fn chats_are_rendered_with_the_folder_s_template() {
    let config =
        json!({"bos_token": "<s>", "chat_template": "{{ bos_token }}{{ messages[0].content }}"});
    let messages = [Message::user("hello")];
    let tokenizer = read(&byte_level(), &config);
    assert_eq!(tokenizer.render_chat(&messages).expect("text"), "<s>hello");
    let tokenizer = read_with(&byte_level(), &config, |files| {
        files.chat_template = Some("{{ messages[0].role }}");
    });
    let text = tokenizer.expect("a tokenizer").render_chat(&messages);
    assert_eq!(
        text.expect("text"),
        "user",
        "chat_template.jinja goes first"
    );
}

/// Row 16 of the list of faults: a vocabulary that is larger than the logits.
#[test]
fn ids_beyond_the_logits_are_refused() {
    let count = tokens().len();
    let with = |vocabulary| {
        read_with(&byte_level(), &json!({}), |files| {
            files.vocabulary = vocabulary;
        })
    };
    let padded = with(count + 6).expect("more logits than tokens");
    assert_eq!(padded.vocabulary_size(), count);
    assert_eq!(padded.token_bytes(count as TokenId), None);
    let error = with(count - 1).expect_err("too few").to_string();
    assert!(
        error.contains("has the token id 265, but the model has only 265 logits"),
        "{error}"
    );
    let error = read_with(&byte_level(), &json!({}), |files| {
        files.end_ids = &[900_000];
    });
    let error = error.expect_err("an end id without a logit").to_string();
    assert!(error.contains("the special token 900000"), "{error}");
}

#[test]
fn a_conversation_with_tools_has_a_template_of_its_own() {
    let config = json!({"chat_template": [
        {"name": "tool_use", "template": "{{ tools | tojson }}"},
        {"name": "default", "template": "{{ messages[0].content }}"},
    ]});
    let tokenizer = read(&byte_level(), &config);
    let messages = [Message::user("hello")];
    let input = ChatInput::new(&messages);
    let render = |input| tokenizer.render_chat_with(input).expect("text");
    assert_eq!(render(&input), "hello");
    let tools = Some(r#"[{"b": 1, "a": [2]}]"#);
    assert_eq!(
        render(&ChatInput { tools, ..input }),
        r#"[{"b": 1, "a": [2]}]"#
    );
}
