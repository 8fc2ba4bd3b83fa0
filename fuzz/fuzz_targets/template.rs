//! Whatever a chat template says, rendering it ends with a text or an error, in bounded time and
//! memory.
//!
//! The input is the template, then, each behind a zero byte, the messages and the tools as JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stream_checkpoint::{ChatInput, ChatTemplate, Messages, SpecialTexts};
use stream_core::Message;
use stream_fuzz::{examine, files, prepare};

const MOST_BYTES: usize = 16 << 20;

fuzz_target!(init: prepare(), |bytes: &[u8]| {
    examine(&files::Text(bytes), |_| {
        let [template, messages, tools] = files::parts(bytes).map(String::from_utf8_lossy);
        let plain = [Message::system("Be brief."), Message::user(messages.as_ref())];
        let template = ChatTemplate::new(&template);
        let special = SpecialTexts::default();
        let input = ChatInput::new(&plain);
        let json = ChatInput {
            messages: Messages::Json(&messages),
            tools: Some(tools.as_ref()).filter(|tools| !tools.is_empty()),
            ..input
        };
        for input in [input, json] {
            if let Ok(text) = template.render_with(&input, &special) {
                assert!(text.len() <= MOST_BYTES, "{} bytes", text.len());
            }
        }
    });
});
