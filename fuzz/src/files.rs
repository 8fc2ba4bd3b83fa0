//! Inputs that are files.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use stream_checkpoint::{Checkpoint, WeightId};
use stream_core::{Message, Tokenizer as _};
use tempfile::TempDir;

/// Bytes, shown as the text that they nearly are.
pub struct Text<'a>(pub &'a [u8]);

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(self.0))
    }
}

/// The first `N` parts of the input, which a zero byte divides; neither JSON nor a template holds
/// one. What follows the last division is part of the last.
pub fn parts<const N: usize>(input: &[u8]) -> [&[u8]; N] {
    let mut parts = input.splitn(N, |&byte| byte == 0);
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}

/// A model of the fixtures, as a folder to be changed.
pub struct Folder {
    place: TempDir,
}

impl Folder {
    /// The texts of the model `name`, and its weights.
    pub fn of(name: &str) -> Self {
        let place = tempfile::tempdir().expect("a folder for temporary files");
        let from = fixtures().join(name).join("hf");
        for entry in fs::read_dir(from).expect("the fixtures").flatten() {
            let to = place.path().join(entry.file_name());
            fs::copy(entry.path(), to).expect("a copy");
        }
        Self { place }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.place.path()
    }

    /// Writes one of its files.
    pub fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path().join(name), bytes).expect("written");
    }

    /// Removes one of its files.
    pub fn remove(&self, name: &str) {
        fs::remove_file(self.path().join(name)).expect("removed");
    }
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../crates/stream-checkpoint/tests/fixtures/families")
}

/// Uses everything that a checkpoint promises once it is open.
pub fn use_checkpoint(checkpoint: &Checkpoint) {
    for id in WeightId::all(checkpoint.architecture()) {
        let view = checkpoint.weights().get(id).expect("every weight is there");
        let (rows, columns) = view.shape();
        let values = rows.checked_mul(columns).expect("a size that memory has");
        if values < 1 << 16 {
            assert_eq!(view.to_f32().len(), values);
        }
    }
    let tokenizer = checkpoint.tokenizer();
    let size = tokenizer.vocabulary_size();
    assert!(size <= checkpoint.architecture().vocabulary);
    use_tokenizer(tokenizer);
}

/// Every id that a text becomes has bytes.
pub fn use_tokenizer(tokenizer: &stream_checkpoint::ModelTokenizer) {
    static TEXT: LazyLock<String> =
        LazyLock::new(|| "hello <s>  Wörld 12\n水🙂 the the\0".repeat(2));
    let size = tokenizer.vocabulary_size();
    let ids = tokenizer.encode(&TEXT).unwrap_or_default();
    for &id in &ids {
        assert!((id as usize) < size, "id {id} of {size}");
        assert!(tokenizer.token_bytes(id).is_some(), "id {id} has no bytes");
    }
    let _ = tokenizer.decode(&ids);
    assert!(tokenizer.token_bytes(size as u32).is_none());
    let _ = tokenizer.render_chat(&[Message::user("hello")]);
}
