//! Whatever stands in `config.json`, opening its folder ends with a checkpoint or an error.
//!
//! The input is `config.json` and, behind a zero byte, `generation_config.json`.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use stream_checkpoint::Checkpoint;
use stream_fuzz::{examine, files, prepare};

static FOLDER: LazyLock<files::Folder> = LazyLock::new(|| files::Folder::of("smollm2"));

fuzz_target!(init: prepare(), |bytes: &[u8]| {
    examine(&files::Text(bytes), |_| {
        let [config, generation] = files::parts(bytes);
        FOLDER.write("config.json", config);
        FOLDER.write("generation_config.json", generation);
        if let Ok(checkpoint) = Checkpoint::open(FOLDER.path()) {
            files::use_checkpoint(&checkpoint);
        }
    });
});
