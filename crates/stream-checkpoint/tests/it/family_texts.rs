//! The families' fixtures: both files of a model make the ids of transformers' tokenizer.

use std::path::Path;

use serde_json::Value;
use stream_checkpoint::Checkpoint;
use stream_core::{TokenId, Tokenizer};

use crate::families::FAMILIES;

#[test]
fn both_files_make_the_ids_of_transformers() {
    for family in FAMILIES {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/families");
        let folder = folder.join(family);
        let reference = std::fs::read_to_string(folder.join("reference.json")).unwrap();
        let reference: Value = serde_json::from_str(&reference).unwrap();
        let texts = reference["texts"].as_array().unwrap();
        assert_eq!(texts.len(), 4);
        for file in ["hf", &format!("{family}.gguf")] {
            let checkpoint = Checkpoint::open(folder.join(file)).unwrap();
            for entry in texts {
                let text = entry["text"].as_str().unwrap();
                let wanted: Vec<TokenId> = serde_json::from_value(entry["ids"].clone()).unwrap();
                let found = checkpoint.tokenizer().encode(text).unwrap();
                assert_eq!(found, wanted, "{family}, {file}: {text:?}");
            }
        }
    }
}
