//! Tokenizer data that contradicts itself, is garbled or is of an unknown kind.

use stream_checkpoint::Fault;

use crate::gguf_writer::{File, Value};
use crate::tiny_model::{check_error, check_value, file, open, tokens};

const TOKENS: &str = "tokenizer.ggml.tokens";
const TYPES: &str = "tokenizer.ggml.token_type";
const MERGES: &str = "tokenizer.ggml.merges";
const PRE: &str = "tokenizer.ggml.pre";

#[test]
fn unknown_kinds_are_named_with_the_known_ones() {
    let cases = [
        (
            "tokenizer.ggml.model",
            "t5",
            "the tokenizer `t5` is not supported; known are: gpt2, llama",
        ),
        (
            PRE,
            "default",
            "the tokenizer `default` is not supported; known are: gpt-2, phi-2, mpt,",
        ),
    ];
    for (key, value, expected) in cases {
        let mut other = file();
        other.set(key, Value::text(value));
        let error = open(&other).expect_err(value);
        assert!(
            matches!(error.fault(), Fault::UnsupportedTokenizer { .. }),
            "{error}"
        );
        assert!(error.to_string().contains(expected), "{error}");
    }
    check_error(
        "no pre",
        |file| file.remove(PRE),
        "`tokenizer.ggml.pre`: is missing",
    );
}

fn strings(texts: &[&str]) -> Value {
    Value::Strings(texts.iter().map(|&text| text.to_owned()).collect())
}

#[test]
fn tokens_that_are_none() {
    let count = tokens().len();
    check_value(
        TOKENS,
        Value::Strings(vec![]),
        "`tokenizer.ggml.tokens`: is empty",
    );
    check_value(
        TOKENS,
        Value::I32s(vec![1; count]),
        "is not an array of strings",
    );
    check_value(
        TOKENS,
        Value::text("a b c"),
        "is a string, must be an array",
    );
    let mut twice = tokens();
    twice[9] = twice[8].clone();
    check_value(
        TOKENS,
        Value::Strings(twice),
        "tokens 8 and 9 are both \"ă\"",
    );
}

#[test]
fn types_that_do_not_fit_the_tokens() {
    let count = tokens().len();
    let short = Value::I32s(vec![1; count - 1]);
    check_value(TYPES, short, "has 265 elements for 266 tokens");
    check_value(
        TYPES,
        Value::Strings(tokens()),
        "is not an array of integers",
    );
    for kind in [7, 9, -1] {
        let mut types = vec![1; count];
        types[7] = kind;
        let expected = format!("token 7 has the type {kind}, known are 0 to 6");
        check_value(TYPES, Value::I32s(types), &expected);
    }
}

#[test]
fn merges_that_are_none() {
    let pair = |i| format!("`{MERGES}`: merge {i} is not two tokens with one space between");
    check_value(MERGES, strings(&["h e", "he"]), &pair(1));
    check_value(MERGES, strings(&[" h"]), &pair(0));
    check_value(MERGES, strings(&["h "]), &pair(0));
    check_value(MERGES, strings(&["h e l"]), &pair(0));
    check_value(
        MERGES,
        strings(&["h zz"]),
        "cannot be built: Token `zz` out of vocabulary",
    );
    check_value(
        MERGES,
        strings(&["h z"]),
        "cannot be built: Token `hz` out of vocabulary",
    );
    // Such a merge makes the library beneath panic.
    let long = format!("h {}", "h".repeat(40));
    check_value(MERGES, strings(&[&long]), "is longer than every token");
}

#[test]
fn ids_that_are_none() {
    let id = |name: &str| format!("tokenizer.ggml.{name}_token_id");
    for name in ["bos", "eos", "eot", "eom", "unknown", "padding"] {
        let key = id(name);
        let expected = format!("`{key}`: is the integer 266, must be an integer from 0 to 265");
        check_value(&key, Value::U32(266), &expected);
    }
    check_value(&id("bos"), Value::I32(-1), "is the integer -1, must be");
    let add_bos = "tokenizer.ggml.add_bos_token";
    check_value(
        add_bos,
        Value::U32(1),
        "is the integer 1, must be a boolean",
    );
    let no_bos = |file: &mut File| {
        file.remove(&id("bos"));
        file.set(add_bos, Value::Bool(true));
    };
    check_error("no BOS", no_bos, "is true, but there is no BOS token");
}

#[test]
fn oversized_and_garbled_texts() {
    let array = |count: u64, text: &[u8]| {
        let mut bytes = 8_u32.to_le_bytes().to_vec();
        bytes.extend(count.to_le_bytes());
        for _ in 0..count {
            bytes.extend((text.len() as u64).to_le_bytes());
            bytes.extend(text);
        }
        Value::Raw(9, bytes)
    };
    let garbled = array(266, &[0xC3, 0x28]);
    check_error(
        "garbled",
        |file| file.set(TOKENS, garbled),
        "element 0 is not UTF-8",
    );
    let many = array((1 << 20) + 1, b"");
    check_error(
        "many",
        |file| file.set(MERGES, many),
        "has 1048577 elements, at most",
    );
}
