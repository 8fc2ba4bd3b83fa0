//! Whatever the bytes of a GGUF file, opening them ends with a checkpoint or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stream_checkpoint::Checkpoint;
use stream_fuzz::{examine, files, prepare};

fuzz_target!(init: prepare(), |bytes: &[u8]| {
    examine(&files::Text(bytes), |_| {
        if let Ok(checkpoint) = Checkpoint::from_bytes("fuzz.gguf", bytes.to_vec()) {
            files::use_checkpoint(&checkpoint);
        }
    });
});
