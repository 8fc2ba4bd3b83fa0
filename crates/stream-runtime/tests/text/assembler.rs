//! One sequence's text, from ids to what the reader sees.

use proptest::prelude::*;
use stream_core::{Message, Stop, TokenId, TokenizeError, Tokenizer};
use stream_runtime::text::{Piece, TextAssembler, UnknownToken};

use crate::oracle::cut_at_stop;

/// A vocabulary of any bytes.
struct Vocabulary(Vec<Vec<u8>>);

impl Vocabulary {
    fn of<B: AsRef<[u8]>>(tokens: impl IntoIterator<Item = B>) -> Self {
        Self(tokens.into_iter().map(|t| t.as_ref().to_vec()).collect())
    }

    fn ids(&self) -> impl Iterator<Item = TokenId> + use<> {
        0..self.0.len() as TokenId
    }
}

impl Tokenizer for Vocabulary {
    fn encode(&self, _: &str) -> Result<Vec<TokenId>, TokenizeError> {
        Err(TokenizeError::new("decodes only"))
    }

    fn render_chat(&self, _: &[Message]) -> Result<String, TokenizeError> {
        Err(TokenizeError::new("decodes only"))
    }

    fn token_bytes(&self, id: TokenId) -> Option<&[u8]> {
        self.0.get(id as usize).map(Vec::as_slice)
    }

    fn vocabulary_size(&self) -> usize {
        self.0.len()
    }

    fn end_ids(&self) -> &[TokenId] {
        &[]
    }
}

/// The pieces of the tokens in order, the last one from the end of the sequence.
fn pieces(stop: &Stop, tokens: &Vocabulary) -> Vec<Piece> {
    let mut assembler = TextAssembler::new(stop);
    let pushed = tokens.ids().map(|id| assembler.push(tokens, id).unwrap());
    let mut pieces: Vec<Piece> = pushed.collect();
    pieces.push(assembler.finish());
    pieces
}

fn texts(stop: &Stop, tokens: &[&[u8]]) -> Vec<String> {
    let pieces = pieces(stop, &Vocabulary::of(tokens));
    pieces.into_iter().map(|p| p.text).collect()
}

fn joined(pieces: &[Piece]) -> (String, Option<String>) {
    let text = pieces.iter().map(|p| p.text.as_str()).collect();
    let mut stops = pieces.iter().filter_map(|p| p.stop.clone());
    let stop = stops.next();
    assert_eq!(stops.next(), None, "a second stop string in {pieces:?}");
    (text, stop)
}

fn at(string: &str) -> Stop {
    Stop::builder().string(string).build().unwrap()
}

#[test]
fn an_emoji_over_four_tokens_comes_with_the_last() {
    let found = texts(&Stop::default(), &[b"\xf0", b"\x9f", b"\x98", b"\x80!"]);
    assert_eq!(found, ["", "", "", "😀!", ""]);
}

#[test]
fn a_character_that_never_ends_is_replaced_at_the_end() {
    let found = texts(&Stop::default(), &[b"a\xe6", b"\xbc"]);
    assert_eq!(found, ["a", "", "\u{fffd}"]);
}

#[test]
fn special_tokens_alone_give_no_text() {
    assert_eq!(texts(&at("x"), &[b"", b""]), ["", "", ""]);
    assert_eq!(texts(&at("x"), &[]), [""]);
}

#[test]
fn a_stop_string_may_be_split_inside_a_character() {
    let found = pieces(&at("é!"), &Vocabulary::of([&b"a\xc3"[..], b"\xa9", b"!b"]));
    let found: Vec<_> = found
        .iter()
        .map(|p| (&*p.text, p.stop.as_deref()))
        .collect();
    assert_eq!(
        found,
        [("a", None), ("", None), ("", Some("é!")), ("", None)]
    );
}

#[test]
fn what_is_held_leaves_at_the_end() {
    assert_eq!(texts(&at("STOP"), &[b"go ST"]), ["go ", "ST"]);
    let found = texts(&at("STOP"), &[b"go ST", b"O\xe2\x82"]);
    assert_eq!(found, ["go ", "", "STO\u{fffd}"]);
}

#[test]
fn nothing_follows_a_stop_string() {
    let found = texts(&at("."), &[b"a.\xe2", b"b", b"."]);
    assert_eq!(found, ["a", "", "", ""]);
}

#[test]
fn the_last_character_may_complete_a_stop_string() {
    let found = pieces(&at("a\u{fffd}"), &Vocabulary::of([b"xa\xe2"]));
    let stop = Some("a\u{fffd}".to_owned());
    assert_eq!(joined(&found), ("x".to_owned(), stop));
}

#[test]
fn unknown_ids_are_told() {
    let tokens = Vocabulary::of(["a"]);
    let mut assembler = TextAssembler::new(&Stop::default());
    let error = UnknownToken {
        id: 7,
        vocabulary: 1,
    };
    assert_eq!(assembler.push(&tokens, 7), Err(error));
    assert_eq!(
        error.to_string(),
        "token id 7 is outside the tokenizer's vocabulary of 1"
    );
    assert_eq!(assembler.push(&tokens, 0).unwrap().text, "a");
}

#[test]
fn the_first_tokens_cannot_complete_a_stop_string() {
    let cases: [(usize, &[&str], &str, Option<&str>); 6] = [
        (0, &["ab", "cab"], "", Some("ab")),
        (1, &["ab", "cab"], "abc", Some("ab")),
        (2, &["ab", "cab"], "abcab", None),
        (1, &["xa", "b"], "x", Some("ab")),
        (2, &["xa", "b"], "xab", None),
        (1, &["a", "x", "ab"], "ax", Some("ab")),
    ];
    for (min_tokens, tokens, text, hit) in cases {
        let stop = Stop::builder().string("ab").min_tokens(min_tokens);
        let found = joined(&pieces(&stop.build().unwrap(), &Vocabulary::of(tokens)));
        let expected = (text.to_owned(), hit.map(str::to_owned));
        assert_eq!(found, expected, "{min_tokens} of {tokens:?}");
    }
}

/// Bytes of which many make characters and stop strings, and many do not.
fn token() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop::sample::select(&b"aab.\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xff"[..]);
    prop::collection::vec(byte, 0..5)
}

proptest! {
    #[test]
    fn any_tokens_give_the_text_of_all_bytes_cut_at_the_stop(
        tokens in prop::collection::vec(token(), 0..40),
        strings in prop::collection::vec("[ab.é€😀\u{fffd}]{1,3}", 0..4),
        min_tokens in 0..6_usize,
        include in any::<bool>(),
    ) {
        let stop = Stop::builder().strings(strings).min_tokens(min_tokens);
        let stop = if include { stop.include_in_output() } else { stop };
        let stop = stop.build().unwrap();

        let first = texts(&Stop::default(), &tokens.iter().map(Vec::as_slice).collect::<Vec<_>>());
        // A sequence that ends within its first tokens has no stop string at all.
        let exempt = if tokens.len() < min_tokens { first.len() } else { min_tokens };
        let from = first[..exempt].concat().len();

        let whole = String::from_utf8_lossy(&tokens.concat()).into_owned();
        prop_assert_eq!(first.concat(), whole.as_str());
        let found = joined(&pieces(&stop, &Vocabulary::of(&tokens)));
        prop_assert_eq!(found, cut_at_stop(&whole, &stop, from));
    }
}
