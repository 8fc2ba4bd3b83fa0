//! However the bytes of an answer are cut into tokens, what its reader sees is the text of all of
//! them, up to the first stop string.
#![no_main]

use arbitrary::{Arbitrary, Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use oracle::cut_at_stop;
use stream_core::{Message, Stop, TokenId, TokenizeError, Tokenizer};
use stream_fuzz::{examine, prepare};
use stream_runtime::text::{Detokenizer, TextAssembler};

#[path = "../../crates/stream-runtime/tests/text/oracle.rs"]
mod oracle;

/// What tokens are made of: letters that stop strings are made of too, characters whole and in
/// parts, and bytes that belong to none.
const PARTS: [&[u8]; 12] = [
    b"a",
    b"b",
    b"",
    "é".as_bytes(),
    b"\xC3",
    b"\xA9",
    b"\xF0\x9F",
    b"\x99\x82",
    b"\xE6",
    b"\xB0\xB4",
    "\u{FFFD}".as_bytes(),
    b"\xFF",
];
const LETTERS: [char; 6] = ['a', 'b', 'é', '\u{1F642}', '水', '\u{FFFD}'];

/// An answer and what may stop it.
#[derive(Debug)]
struct Answer {
    tokens: Vec<Vec<u8>>,
    stop: Stop,
}

impl<'a> Arbitrary<'a> for Answer {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let count = u.int_in_range(0..=4)?;
        let mut stop = Stop::builder().min_tokens(u.int_in_range(0..=3)?);
        for _ in 0..count {
            let length = u.int_in_range(1..=5)?;
            let letters = (0..length).map(|_| u.choose(&LETTERS).copied());
            stop = stop.string(letters.collect::<Result<String>>()?);
        }
        if u.arbitrary()? {
            stop = stop.include_in_output();
        }
        let mut tokens = Vec::new();
        while !u.is_empty() && tokens.len() < 64 {
            tokens.push(token(u)?);
        }
        let stop = stop.build().expect("within the limits");
        Ok(Self { tokens, stop })
    }
}

fn token(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let parts = (0..u.int_in_range(0..=3)?).map(|_| u.choose(&PARTS).copied());
    Ok(parts.collect::<Result<Vec<_>>>()?.concat())
}

impl Tokenizer for Answer {
    fn encode(&self, _: &str) -> std::result::Result<Vec<TokenId>, TokenizeError> {
        Err(TokenizeError::new("decodes only"))
    }

    fn render_chat(&self, _: &[Message]) -> std::result::Result<String, TokenizeError> {
        Err(TokenizeError::new("decodes only"))
    }

    fn token_bytes(&self, id: TokenId) -> Option<&[u8]> {
        self.tokens.get(id as usize).map(Vec::as_slice)
    }

    fn vocabulary_size(&self) -> usize {
        self.tokens.len()
    }

    fn end_ids(&self) -> &[TokenId] {
        &[]
    }
}

/// The text that leaves, and the stop string; after each token, what left and what is held are
/// the beginning of the whole text.
fn released(answer: &Answer, whole: &str) -> (String, Option<String>) {
    let mut assembler = TextAssembler::new(&answer.stop);
    let (mut text, mut stop) = (String::new(), None);
    for id in 0..answer.tokens.len() as TokenId {
        let piece = assembler.push(answer, id).expect("a known token");
        text.push_str(&piece.text);
        assert!(stop.is_none() || piece == Default::default(), "{piece:?}");
        stop = stop.or(piece.stop);
        assert!(whole.starts_with(&text));
        let all = text.clone() + assembler.held().trim_end_matches('\u{FFFD}');
        assert!(
            whole.starts_with(&all),
            "{all:?} is no beginning of {whole:?}"
        );
    }
    let last = assembler.finish();
    text.push_str(&last.text);
    (text, stop.or(last.stop))
}

/// How much of the text the first tokens make, none of which completes a stop string.
fn exempt(answer: &Answer, whole: &str) -> usize {
    let Some(first) = answer.tokens.get(..answer.stop.min_tokens()) else {
        return whole.len();
    };
    let mut text = String::new();
    Detokenizer::default().push(&first.concat(), &mut text);
    text.len()
}

fuzz_target!(init: prepare(), |answer: Answer| {
    examine(&answer, |answer| {
        let whole = String::from_utf8_lossy(&answer.tokens.concat()).into_owned();
        let from = exempt(answer, &whole);
        assert_eq!(released(answer, &whole), cut_at_stop(&whole, &answer.stop, from));
    });
});
