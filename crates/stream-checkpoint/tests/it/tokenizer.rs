//! Tokenizers: what is made of a vocabulary.

use stream_core::{Message, TokenId, Tokenizer};

use crate::gguf_writer::{File, Value};
use crate::tiny_model::{BOS, CONTROL, EOS, file, open, tokens};

const TOKENS: &str = "tokenizer.ggml.tokens";
const PRE: &str = "tokenizer.ggml.pre";

fn id(token: &str) -> TokenId {
    let place = tokens().iter().position(|t| t == token);
    place.expect("a token of the tiny model") as TokenId
}

fn encode(file: &File, text: &str) -> Vec<TokenId> {
    let checkpoint = open(file).expect("the tiny model");
    checkpoint.tokenizer().encode(text).expect("text")
}

#[test]
fn pairs_are_merged_in_the_order_of_the_list() {
    let ids = |names: &[&str]| names.iter().map(|name| id(name)).collect::<Vec<_>>();
    assert_eq!(encode(&file(), "hello"), ids(&["hello"]));
    assert_eq!(encode(&file(), "hell"), ids(&["hell"]));
    assert_eq!(
        encode(&file(), "hel lo w"),
        ids(&["he", "l", "Ġ", "l", "o", "Ġw"])
    );
    assert_eq!(encode(&file(), "é"), ids(&["Ã", "©"]));
    assert!(encode(&file(), "").is_empty());
}

#[test]
fn special_tokens_are_found_in_text() {
    let text = "<s>hello</s><tool call>é!<pad";
    let mut expected = vec![BOS, id("hello"), EOS, id("<tool call>"), id("é!")];
    expected.extend("<pad".chars().map(|c| id(&c.to_string())));
    assert_eq!(encode(&file(), text), expected);
}

#[test]
fn bytes_of_tokens() {
    let checkpoint = open(&file()).expect("the tiny model");
    let tokenizer = checkpoint.tokenizer();
    let bytes = |token: &str| tokenizer.token_bytes(id(token));
    assert_eq!(bytes("hello"), Some(&b"hello"[..]));
    assert_eq!(bytes("Ġw"), Some(&b" w"[..]));
    assert_eq!(bytes("Ã"), Some(&[0xC3][..]));
    assert_eq!(bytes("Ċ"), Some(&b"\n"[..]));
    assert_eq!(bytes("<tool call>"), Some(&b"<tool call>"[..]));
    assert_eq!(bytes("é!"), Some("é!".as_bytes()));
    for control in CONTROL {
        assert_eq!(bytes(control), Some(&b""[..]), "{control}");
    }
    assert_eq!(tokenizer.vocabulary_size(), tokens().len());
    assert_eq!(tokenizer.token_bytes(tokens().len() as TokenId), None);
    assert_eq!(tokenizer.token_bytes(TokenId::MAX), None);
    let all = (0..256).filter_map(|i| tokenizer.token_bytes(5 + i));
    let all: Vec<u8> = all.flatten().copied().collect();
    assert_eq!(all, (0..=255).collect::<Vec<u8>>());
}

#[test]
fn bos_is_put_in_front_once() {
    let mut with_bos = file();
    with_bos.set("tokenizer.ggml.add_bos_token", Value::Bool(true));
    let hello = id("hello");
    let checkpoint = open(&with_bos).expect("the tiny model");
    let tokenizer = checkpoint.tokenizer();
    let ids = |text| tokenizer.encode(text).expect("text");
    let chat = |text| tokenizer.encode_chat(text).expect("text");
    assert_eq!(ids("hello"), [BOS, hello]);
    assert_eq!(ids(""), [BOS]);
    assert_eq!(ids("<s>hello"), [BOS, BOS, hello]);
    assert_eq!(chat("hello"), [BOS, hello]);
    assert_eq!(chat("<s>hello"), [BOS, hello]);
    assert!(checkpoint.defaults().add_bos);
    assert_eq!(encode(&file(), "hello"), [hello]);
}

#[test]
fn llama_3_adds_bos_where_the_file_does_not_say() {
    let mut llama_3 = file();
    llama_3.set(PRE, Value::text("llama-bpe"));
    assert_eq!(encode(&llama_3, "hello"), [BOS, id("hello")]);
    llama_3.set("tokenizer.ggml.add_bos_token", Value::Bool(false));
    assert_eq!(encode(&llama_3, "hello"), [id("hello")]);
}

#[test]
fn llama_3_keeps_a_word_that_is_a_token_whole() {
    // "wol" is a token that no merge makes.
    let with_token = |pre: &str| {
        let mut file = file();
        let mut tokens = tokens();
        let z = tokens.iter().position(|t| t == "z").expect("a letter");
        tokens[z] = "wol".to_owned();
        file.set(TOKENS, Value::Strings(tokens));
        file.set(PRE, Value::text(pre));
        file.set("tokenizer.ggml.add_bos_token", Value::Bool(false));
        file
    };
    assert_eq!(encode(&with_token("llama-bpe"), "wol"), [id("z")]);
    let apart = ["w", "o", "l"].map(id);
    assert_eq!(encode(&with_token("gpt-2"), "wol"), apart);
}

#[test]
fn ids_that_end_a_generation() {
    let mut chat = file();
    let mut tokens = tokens();
    tokens[2] = "<|eot_id|>".to_owned();
    chat.set(TOKENS, Value::Strings(tokens));
    let end_ids = |file: &File| {
        open(file)
            .expect("the tiny model")
            .defaults()
            .end_ids
            .clone()
    };
    assert_eq!(end_ids(&file()), [EOS]);
    assert_eq!(end_ids(&chat), [EOS, 2], "by its text");
    let mut named = file();
    named.set("tokenizer.ggml.eot_token_id", Value::U32(2));
    assert_eq!(end_ids(&named), [EOS, 2], "by its key");
}

#[test]
fn chats_are_rendered() {
    let checkpoint = open(&file()).expect("the tiny model");
    let messages = [Message::system("Be brief."), Message::user("Hi")];
    let text = checkpoint.tokenizer().render_chat(&messages);
    assert_eq!(text.expect("rendered"), "system:Be brief.\nuser:Hi\n");

    let mut silent = file();
    silent.remove("tokenizer.chat_template");
    let checkpoint = open(&silent).expect("a model without a template");
    assert!(checkpoint.chat_template().is_none());
    let error = checkpoint
        .tokenizer()
        .render_chat(&messages)
        .expect_err("none");
    assert_eq!(error.to_string(), "the model has no chat template");

    let mut broken = file();
    broken.set("tokenizer.chat_template", Value::text("{% if %}"));
    let checkpoint = open(&broken).expect("usable without its template");
    let error = checkpoint
        .tokenizer()
        .render_chat(&messages)
        .expect_err("broken");
    assert!(
        error
            .to_string()
            .contains("the chat template has a mistake"),
        "{error}"
    );
    assert_eq!(encode(&broken, "hello"), [id("hello")]);
}
