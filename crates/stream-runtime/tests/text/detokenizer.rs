//! The text of a byte sequence does not depend on how the bytes are split.

use std::collections::HashSet;
use std::sync::LazyLock;

use proptest::prelude::*;
use stream_runtime::text::Detokenizer;

/// Pushes the chunks, checking after each that no more is held than must be.
fn decode<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut detokenizer = Detokenizer::default();
    let (mut out, mut bytes) = (String::new(), Vec::new());
    for chunk in chunks {
        bytes.extend_from_slice(chunk);
        detokenizer.push(chunk, &mut out);
        let held = detokenizer.held();
        let certain = &bytes[..bytes.len() - held.len()];
        assert!(bytes.ends_with(held), "held {held:x?} of {bytes:x?}");
        assert_eq!(out, String::from_utf8_lossy(certain), "of {bytes:x?}");
        assert!(
            held.len() <= 3 && could_become_a_character(held),
            "{held:x?}"
        );
    }
    detokenizer.finish(&mut out);
    assert!(detokenizer.held().is_empty());
    out
}

fn could_become_a_character(held: &[u8]) -> bool {
    // The last six bits of a character stand in its last byte.
    static STARTS: LazyLock<HashSet<Vec<u8>>> = LazyLock::new(|| {
        let characters = ('\u{80}'..=char::MAX).step_by(64).map(String::from);
        characters
            .flat_map(|c| (1..c.len()).map(move |n| c.as_bytes()[..n].to_vec()))
            .collect()
    });
    held.is_empty() || STARTS.contains(held)
}

/// `bytes` split after every index whose bit is set in `splits`.
fn split(bytes: &[u8], splits: u32) -> Vec<&[u8]> {
    let mut chunks = Vec::new();
    let mut start = 0;
    for end in 1..=bytes.len() {
        if end == bytes.len() || splits >> (end - 1) & 1 == 1 {
            chunks.push(&bytes[start..end]);
            start = end;
        }
    }
    chunks
}

#[test]
fn short_sequences_of_telling_bytes_under_every_split() {
    // Leads of each length and their limits, continuations of each class, ASCII, and a byte
    // that is never valid.
    let alphabet = [
        0x41, 0x80, 0x8f, 0x9f, 0xbf, 0xc0, 0xc3, 0xe0, 0xe2, 0xed, 0xf0, 0xf4, 0xff,
    ];
    for number in 0..alphabet.len().pow(4) {
        let bytes: Vec<u8> = (0..4)
            .map(|i| alphabet[number / alphabet.len().pow(i) % alphabet.len()])
            .collect();
        for splits in 0..8 {
            let text = decode(split(&bytes, splits));
            assert_eq!(
                text,
                String::from_utf8_lossy(&bytes),
                "{bytes:x?} {splits:b}"
            );
        }
    }
}

#[test]
fn characters_under_every_split() {
    let texts = [
        "é€😀",
        "漢字",
        "👩\u{200d}👧",
        "e\u{301}x",
        "\u{fffd}a\u{fffd}",
        "\u{feff}b",
    ];
    for text in texts {
        for splits in 0..1 << (text.len() - 1) {
            assert_eq!(decode(split(text.as_bytes(), splits)), text);
        }
    }
}

#[test]
fn an_unfinished_character_waits_until_the_end() {
    let mut detokenizer = Detokenizer::default();
    let mut out = String::new();
    for bytes in [&[0xf0][..], &[0x9f], &[], &[0x98]] {
        detokenizer.push(bytes, &mut out);
        assert_eq!(out, "", "after {bytes:x?}");
    }
    assert_eq!(detokenizer.held(), [0xf0, 0x9f, 0x98]);
    detokenizer.finish(&mut out);
    detokenizer.finish(&mut out);
    assert_eq!(out, "\u{fffd}");
}

#[test]
fn a_broken_character_is_told_as_soon_as_it_is_broken() {
    let mut detokenizer = Detokenizer::default();
    let mut out = String::new();
    detokenizer.push(&[0xe2, 0x82], &mut out);
    detokenizer.push(b"!", &mut out);
    assert_eq!(out, "\u{fffd}!");
}

/// Text, mixed with parts of characters and with noise.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        any::<char>().prop_map(|c| c.to_string().into_bytes()),
        (any::<char>(), 1..4_usize).prop_map(|(c, n)| {
            let bytes = c.to_string().into_bytes();
            bytes[..n.min(bytes.len())].to_vec()
        }),
        prop::collection::vec(any::<u8>(), 1..4),
        prop::collection::vec(0x80..=0xbf_u8, 1..4),
    ];
    prop::collection::vec(part, 0..40).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn any_bytes_under_any_split(
        bytes in bytes(),
        lengths in prop::collection::vec(0..6_usize, 1..80),
    ) {
        let mut rest = &bytes[..];
        let mut chunks = Vec::new();
        for length in lengths.into_iter().chain([bytes.len()]) {
            let (chunk, after) = rest.split_at(length.min(rest.len()));
            chunks.push(chunk);
            rest = after;
        }
        prop_assert_eq!(decode(chunks), String::from_utf8_lossy(&bytes));
    }
}
