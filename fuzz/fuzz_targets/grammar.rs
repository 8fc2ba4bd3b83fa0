//! Whatever a grammar says, compiling it ends with a parser or a refusal, and an answer that takes
//! only tokens that the masks allow comes to an end, or to an error, but never to a dead end.
//!
//! The input is a digit for the kind of grammar and the grammar's text, then, behind a zero byte,
//! a byte for each token of the answer. How long an input may take is libFuzzer's to judge.
#![no_main]

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use stream_core::{Grammar, Message, TokenId, TokenizeError, Tokenizer};
use stream_fuzz::{examine, files, prepare};
use stream_grammar::{GrammarLimits, Grammars};
use stream_runtime::grammar::{GrammarCompiler, Matcher};

/// Tokens of an answer.
const LONGEST: usize = 24;

/// Ends an answer; it has no bytes.
const END: TokenId = 0;

/// Parts of JSON and of characters, which begin and end anywhere.
const PARTS: [&[u8]; 12] = [
    b"{\"",
    b"\": ",
    b"\",\"",
    b"\"}",
    b"],",
    b"tru",
    b"null",
    b"-1",
    b"0.",
    b"  ",
    b"\xF0\x9F",
    b"\x99\x82\"",
];

static GRAMMARS: LazyLock<Grammars> = LazyLock::new(|| {
    let limits = GrammarLimits {
        compile_time: Duration::from_secs(600),
        // Every input is compiled anew.
        cache_bytes: 0,
        ..GrammarLimits::default()
    };
    Grammars::with_limits(Arc::new(Bytes::default()), limits)
});

/// A token for each byte, and some for several.
struct Bytes(Vec<Vec<u8>>);

impl Default for Bytes {
    fn default() -> Self {
        let end = [Vec::new()].into_iter();
        let bytes = end.chain((0..=u8::MAX).map(|byte| vec![byte]));
        Self(bytes.chain(PARTS.map(<[u8]>::to_vec)).collect())
    }
}

impl Tokenizer for Bytes {
    fn encode(&self, text: &str) -> Result<Vec<TokenId>, TokenizeError> {
        Ok(text.bytes().map(|byte| 1 + TokenId::from(byte)).collect())
    }

    fn render_chat(&self, _: &[Message]) -> Result<String, TokenizeError> {
        Err(TokenizeError::new("bytes have no chat template"))
    }

    fn token_bytes(&self, id: TokenId) -> Option<&[u8]> {
        self.0.get(id as usize).map(Vec::as_slice)
    }

    fn vocabulary_size(&self) -> usize {
        self.0.len()
    }

    fn end_ids(&self) -> &[TokenId] {
        &[END]
    }
}

fn read(kind: u8, text: String) -> Grammar {
    match kind % 3 {
        0 => Grammar::JsonSchema(text.into()),
        1 => Grammar::Regex(text.into()),
        _ => Grammar::Lark(text.into()),
    }
}

/// An answer whose tokens these bytes choose; the first one again where they run out.
fn answer(matcher: &mut dyn Matcher, choices: &[u8]) {
    for step in 0..LONGEST {
        // It may go over its budget.
        let Ok(allowed) = matcher.allowed() else {
            return;
        };
        let ids: Vec<_> = allowed.tokens.iter().collect();
        assert!(!ids.contains(&END), "the end is allowed as a token");
        if ids.is_empty() {
            return assert!(allowed.may_end, "nothing may follow token {step}");
        }
        let choice = choices.get(step).copied().unwrap_or_default();
        if matcher
            .accept(ids[usize::from(choice) % ids.len()])
            .is_err()
        {
            return;
        }
    }
}

fuzz_target!(init: prepare(), |bytes: &[u8]| {
    examine(&files::Text(bytes), |_| {
        let [grammar, choices] = files::parts(bytes);
        let Some((&kind, text)) = grammar.split_first() else {
            return;
        };
        let text = String::from_utf8_lossy(text).into_owned();
        if let Ok(mut matcher) = GRAMMARS.compile(&read(kind, text)) {
            answer(&mut *matcher, choices);
        }
    });
});
