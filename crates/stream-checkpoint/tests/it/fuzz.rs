//! Whatever the bytes, opening them ends with a checkpoint or an error.

use proptest::collection::vec;
use proptest::prelude::*;
use stream_checkpoint::{Checkpoint, WeightId};
use stream_core::{Message, Tokenizer};

use crate::tiny_model::file;

/// Opens the bytes, and uses everything that an opened file promises.
fn open_and_use(bytes: Vec<u8>) {
    let Ok(checkpoint) = Checkpoint::from_bytes("fuzz.gguf", bytes) else {
        return;
    };
    for id in WeightId::all(checkpoint.architecture()) {
        let view = checkpoint.weights().get(id).expect("every weight is there");
        assert_eq!(view.to_f32().len(), view.shape().0 * view.shape().1);
    }
    let tokenizer = checkpoint.tokenizer();
    let size = tokenizer.vocabulary_size();
    assert_eq!(size, checkpoint.architecture().vocabulary);
    for id in tokenizer.encode("hello <s> wörld 12\n").unwrap_or_default() {
        assert!((id as usize) < size, "id {id} of {size}");
        assert!(tokenizer.token_bytes(id).is_some());
    }
    let _ = tokenizer.render_chat(&[Message::user("hello")]);
}

/// Bytes that matter to a reader of lengths.
fn interesting() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 1..12),
        any::<u64>().prop_map(|n| n.to_le_bytes().to_vec()),
        (0_u32..64).prop_map(|shift| (1_u64 << shift).to_le_bytes().to_vec()),
        (0_u32..14).prop_map(|kind| kind.to_le_bytes().to_vec()),
        Just(u64::MAX.to_le_bytes().to_vec()),
        Just(vec![0; 8]),
    ]
}

fn overwrite(mut bytes: Vec<u8>, at: usize, patch: &[u8]) -> Vec<u8> {
    let at = at % bytes.len();
    for (byte, new) in bytes[at..].iter_mut().zip(patch) {
        *byte = *new;
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn random_bytes(bytes in vec(any::<u8>(), 0..512)) {
        open_and_use(bytes);
    }

    #[test]
    fn random_bytes_behind_a_right_beginning(bytes in vec(any::<u8>(), 0..512)) {
        let mut file = b"GGUF\x03\0\0\0".to_vec();
        file.extend([1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
        file.extend(bytes);
        open_and_use(file);
    }

    #[test]
    fn a_whole_file_with_patches_in_its_header(
        patches in vec((any::<usize>(), interesting()), 1..4),
    ) {
        let file = file();
        let header = file.header().len();
        let bytes = patches.iter().fold(file.bytes(), |bytes, (at, patch)| {
            overwrite(bytes, at % header, patch)
        });
        open_and_use(bytes);
    }

    #[test]
    fn a_whole_file_cut_off(length in any::<usize>()) {
        let mut bytes = file().bytes();
        bytes.truncate(length % bytes.len());
        open_and_use(bytes);
    }

    #[test]
    fn a_file_with_a_piece_taken_out(at in any::<usize>(), length in 1_usize..64) {
        let mut bytes = file().bytes();
        let at = at % (file().header().len() - length);
        bytes.drain(at..at + length);
        open_and_use(bytes);
    }
}
