//! Whatever stands in the files of a tokenizer, reading them ends with one or with an error.
//!
//! The input is `tokenizer.json`, then, each behind a zero byte, `tokenizer_config.json` and
//! `special_tokens_map.json`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stream_checkpoint::{ModelTokenizer, TokenizerFiles};
use stream_fuzz::{examine, files, prepare};

fuzz_target!(init: prepare(), |bytes: &[u8]| {
    examine(&files::Text(bytes), |_| {
        let [tokenizer, config, special] = files::parts(bytes);
        let files = TokenizerFiles {
            tokenizer_json: tokenizer,
            tokenizer_config: Some(config).filter(|part| !part.is_empty()),
            special_tokens_map: Some(special).filter(|part| !part.is_empty()),
            chat_template: None,
            end_ids: &[1],
            bos_id: None,
            vocabulary: 1 << 16,
        };
        if let Ok(tokenizer) = ModelTokenizer::from_hugging_face(&files) {
            files::use_tokenizer(&tokenizer);
        }
    });
});
