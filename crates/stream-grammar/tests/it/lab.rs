//! A tokenizer that cuts characters and words, and ways to let answers happen.

use std::sync::Arc;
use std::time::Duration;

use stream_core::{Grammar, Message, TokenId, TokenizeError, Tokenizer};
use stream_grammar::{GrammarLimits, Grammars};
use stream_runtime::grammar::{CompileError, GrammarCompiler, Matcher};

/// Ends an answer.
pub(crate) const END: TokenId = 0;
/// Adds no text and ends nothing.
pub(crate) const SPECIAL: TokenId = 1;
/// The first of the 256 bytes.
pub(crate) const BYTES: TokenId = 2;

/// Tokens that begin and end in the middle of characters and of the words of grammars.
const PARTS: [&[u8]; 22] = [
    b"{\"",
    b"\": ",
    b"\":",
    b"\",\"",
    b", \"",
    b"\"}",
    b"tru",
    b"false}",
    b"null",
    b"],",
    b"12",
    b"0.",
    b"ab",
    b"ba",
    b"aaaa",
    b"\xC3",
    b"\xA9\"",
    b"\xF0\x9F",
    b"\x99\x82",
    b" \xE6\xB0",
    b"\n\n",
    b"  ",
];

/// A token for each byte, and some for several.
#[derive(Debug)]
pub(crate) struct Cutter(Vec<Vec<u8>>);

impl Default for Cutter {
    fn default() -> Self {
        let mut bytes = vec![Vec::new(); 2];
        bytes.extend((0..=u8::MAX).map(|byte| vec![byte]));
        bytes.extend(PARTS.map(<[u8]>::to_vec));
        Self(bytes)
    }
}

impl Tokenizer for Cutter {
    fn encode(&self, text: &str) -> Result<Vec<TokenId>, TokenizeError> {
        Ok(text
            .bytes()
            .map(|byte| BYTES + TokenId::from(byte))
            .collect())
    }

    fn render_chat(&self, _: &[Message]) -> Result<String, TokenizeError> {
        Err(TokenizeError::new("no chat"))
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

/// Limits that no slow machine meets by accident.
pub(crate) fn patient() -> GrammarLimits {
    GrammarLimits {
        compile_time: Duration::from_secs(120),
        ..GrammarLimits::default()
    }
}

pub(crate) fn grammars() -> Grammars {
    Grammars::with_limits(Arc::new(Cutter::default()), patient())
}

pub(crate) fn regex(pattern: &str) -> Grammar {
    Grammar::Regex(pattern.into())
}

pub(crate) fn schema(text: &str) -> Grammar {
    Grammar::JsonSchema(text.into())
}

pub(crate) fn lark(text: &str) -> Grammar {
    Grammar::Lark(text.into())
}

/// Why a grammar cannot be used.
pub(crate) fn refusal(grammars: &Grammars, grammar: &Grammar) -> String {
    match grammars.compile(grammar) {
        Ok(_) => panic!("{grammar:?} was compiled"),
        Err(CompileError::Unusable(message)) => message,
        Err(other) => panic!("{other}"),
    }
}

/// How a walk through a grammar went.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Walk {
    pub(crate) text: String,
    /// The text may end where it does.
    pub(crate) ended: bool,
}

/// Goes on with tokens that the matcher allows, picked by `pick` from so many.
pub(crate) fn walk(
    matcher: &mut dyn Matcher,
    steps: usize,
    mut pick: impl FnMut(usize) -> usize,
) -> Walk {
    let cutter = Cutter::default();
    let mut bytes = Vec::new();
    let mut ended = false;
    for _ in 0..steps {
        let allowed = matcher.allowed().unwrap();
        let real = allowed
            .tokens
            .iter()
            .filter(|&id| cutter.token_bytes(id).is_some());
        let ids: Vec<_> = real.collect();
        assert!(ids.iter().all(|&id| id != END && id != SPECIAL));
        ended = allowed.may_end;
        if ids.is_empty() || (ended && pick(4) == 0) {
            assert!(ended, "a dead end after {bytes:?}");
            break;
        }
        let id = ids[pick(ids.len())];
        matcher.accept(id).unwrap();
        bytes.extend_from_slice(cutter.token_bytes(id).unwrap());
        ended = false;
    }
    // A walk that was cut off may end inside a character.
    Walk {
        text: String::from_utf8_lossy(&bytes).into_owned(),
        ended,
    }
}

/// Numbers without a pattern (xorshift64*, Vigna 2016).
pub(crate) fn random(mut seed: u64) -> impl FnMut(usize) -> usize {
    move |below| {
        seed ^= seed >> 12;
        seed ^= seed << 25;
        seed ^= seed >> 27;
        (seed.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % below
    }
}
