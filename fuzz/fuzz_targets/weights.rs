//! Whatever stands in a folder's index and in its first shard, opening them ends with a checkpoint
//! or an error.
//!
//! The input is `model.safetensors.index.json` and, behind a zero byte, the first of three shards.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use stream_checkpoint::Checkpoint;
use stream_fuzz::{examine, files, prepare};

static FOLDER: LazyLock<files::Folder> = LazyLock::new(|| files::Folder::of("llama-3"));

fuzz_target!(init: prepare(), |bytes: &[u8]| {
    examine(&files::Text(bytes), |_| {
        let [index, shard] = files::parts(bytes);
        FOLDER.write("model.safetensors.index.json", index);
        FOLDER.write("model-00001-of-00003.safetensors", shard);
        if let Ok(checkpoint) = Checkpoint::open(FOLDER.path()) {
            files::use_checkpoint(&checkpoint);
        }
    });
});
