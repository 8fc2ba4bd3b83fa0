//! The text of a real tokenizer's ids. It needs the default model's file.

use std::sync::Arc;

use stream_checkpoint::{Checkpoint, ModelTokenizer, default_model};
use stream_core::{Stop, TokenId, Tokenizer};
use stream_runtime::sample::DrawKey;
use stream_runtime::text::{Piece, TextAssembler};

const TEXTS: [&str; 6] = [
    "The quick brown fox jumps over 13 lazy dogs.\n\n\tEnd.",
    "Zoë naïvely ate a crème brûlée; it cost 12 € – or “so”.",
    "東京都は日本の首都です。你好，世界！ 안녕하세요",
    "Привет, мир! שלום עולם مرحبا بالعالم नमस्ते",
    "👩\u{200d}👩\u{200d}👧\u{200d}👦 🏳\u{fe0f}\u{200d}🌈 😀😀 🇩🇪 e\u{301}",
    "fn main() { println!(\"{}\", \u{fffd}); } // \u{1}\u{10ffff}",
];

fn tokenizer() -> Arc<ModelTokenizer> {
    let path = default_model::path().expect("a cache folder is known");
    assert!(
        path.is_file(),
        "{} is not there: run `cargo xtask test`, which fetches it, or set {} to the file",
        path.display(),
        default_model::MODEL_VARIABLE,
    );
    let checkpoint = Checkpoint::open(&path).expect("the default model opens");
    checkpoint.tokenizer().clone()
}

fn pieces(tokenizer: &dyn Tokenizer, ids: &[TokenId], stop: &Stop) -> Vec<Piece> {
    let mut assembler = TextAssembler::new(stop);
    let push = |&id| {
        let piece = assembler.push(tokenizer, id);
        piece.expect("the id is in the vocabulary")
    };
    let mut pieces: Vec<Piece> = ids.iter().map(push).collect();
    pieces.push(assembler.finish());
    pieces
}

fn text(pieces: &[Piece]) -> String {
    pieces.iter().map(|p| p.text.as_str()).collect()
}

#[test]
fn pieces_of_any_ids_are_the_decoding_of_all() {
    let tokenizer = tokenizer();
    let vocabulary = tokenizer.vocabulary_size() as f64;
    let mut broken = 0;
    for seed in 0..200 {
        let id = |position| {
            (DrawKey {
                seed,
                choice: 0,
                position,
            }
            .uniform()
                * vocabulary) as TokenId
        };
        let ids: Vec<TokenId> = (0..500).map(id).collect();
        let bytes = ids
            .iter()
            .flat_map(|&id| tokenizer.token_bytes(id).unwrap());
        let bytes: Vec<u8> = bytes.copied().collect();
        let found = text(&pieces(&*tokenizer, &ids, &Stop::default()));
        assert_eq!(found, String::from_utf8_lossy(&bytes), "seed {seed}");
        broken += usize::from(found.contains('\u{fffd}'));
    }
    assert!(broken > 0, "random ids should break some characters");
}

#[test]
fn pieces_of_encoded_text_are_the_text() {
    let tokenizer = tokenizer();
    for original in TEXTS {
        let ids = tokenizer.encode(original).unwrap();
        let pieces = pieces(&*tokenizer, &ids, &Stop::default());
        assert_eq!(text(&pieces), original);
        let whole = |piece: &Piece| !piece.text.contains('\u{fffd}');
        assert!(original.contains('\u{fffd}') || pieces.iter().all(whole));
    }
}

#[test]
fn every_part_of_a_text_can_stop_it() {
    let tokenizer = tokenizer();
    for original in TEXTS {
        let ids = tokenizer.encode(original).unwrap();
        let starts: Vec<usize> = original.char_indices().map(|(i, _)| i).collect();
        for (&start, length) in starts.iter().flat_map(|s| [1, 2, 5, 9].map(|n| (s, n))) {
            let string: String = original[start..].chars().take(length).collect();
            let stop = Stop::builder().string(&string).build().unwrap();
            let pieces = pieces(&*tokenizer, &ids, &stop);
            let end = original.find(&string).expect("it is a part");
            assert_eq!(text(&pieces), original[..end], "until {string:?}");
            let hits: Vec<_> = pieces.iter().filter_map(|p| p.stop.as_ref()).collect();
            assert_eq!(hits, [&string]);
        }
    }
}
