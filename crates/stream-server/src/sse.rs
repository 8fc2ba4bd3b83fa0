//! The events of a streamed answer, as bytes.
//!
//! The parts of a chunk that are the same for every token are made once, when the answer begins.
//! A token then costs three copies and the escaping of its text: no JSON is built, and nothing is
//! allocated while the buffer has room. Events have no `id:`, which together with comments breaks
//! the official Python client.

use bytes::{BufMut, BytesMut};

/// The last event of every stream.
pub const DONE: &[u8] = b"data: [DONE]\n\n";
/// A comment, which clients pass over: it keeps proxies from closing a silent connection.
pub const COMMENT: &[u8] = b": keep-alive\n\n";

/// Which API a chunk belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChunkKind {
    /// `chat.completion.chunk`, whose choices have a `delta`.
    Chat,
    /// `text_completion`, whose choices have a `text`.
    Completion,
}

/// What all chunks of one answer share.
#[derive(Debug, Clone, Copy)]
pub struct ChunkHead<'a> {
    /// Which API.
    pub kind: ChunkKind,
    /// The answer's id.
    pub id: &'a str,
    /// Seconds since 1970.
    pub created: u64,
    /// The model's name.
    pub model: &'a str,
    /// Whether chunks say `"usage":null`, because a last one will tell it.
    pub usage: bool,
}

/// Writes the chunks of one choice of an answer.
#[derive(Debug, Clone)]
pub struct ChunkWriter {
    kind: ChunkKind,
    /// Up to the choice's number and the comma behind it.
    choice: Vec<u8>,
    /// From there to where the text's quote begins.
    open: &'static [u8],
    /// From behind the text's closing quote to the end of the event, for an ordinary token.
    plain: Vec<u8>,
    /// From behind the choice's last member to the end of the event.
    close: &'static [u8],
}

/// What a chunk may say beside its text.
#[derive(Debug, Clone, Copy, Default)]
pub struct Extras<'a> {
    /// `logprobs`, as JSON.
    pub logprobs: Option<&'a str>,
    /// `token_ids`.
    pub token_ids: Option<&'a [u32]>,
}

impl ChunkWriter {
    /// A writer for the choice of this number.
    pub fn new(head: ChunkHead<'_>, index: usize) -> Self {
        let mut choice = beginning(head);
        choice.extend_from_slice(b",\"choices\":[{\"index\":");
        choice.extend_from_slice(itoa::Buffer::new().format(index).as_bytes());
        choice.push(b',');
        let close: &[u8] = match head.usage {
            true => b"}],\"usage\":null}\n\n",
            false => b"}]}\n\n",
        };
        let (open, shut): (&[u8], &[u8]) = match head.kind {
            ChunkKind::Chat => (b"\"delta\":{\"content\":", b"}"),
            ChunkKind::Completion => (b"\"text\":", b""),
        };
        let rest: &[u8] = b",\"logprobs\":null,\"finish_reason\":null";
        Self {
            kind: head.kind,
            choice,
            open,
            plain: [shut, rest, close].concat(),
            close,
        }
    }

    /// A chunk of text and nothing else: what nearly every token is.
    pub fn text(&self, out: &mut BytesMut, text: &str) {
        out.put_slice(&self.choice);
        out.put_slice(self.open);
        string(out, text);
        out.put_slice(&self.plain);
    }

    /// A chunk of text with more about its tokens.
    pub fn text_with(&self, out: &mut BytesMut, text: &str, extras: Extras<'_>) {
        out.put_slice(&self.choice);
        out.put_slice(self.open);
        string(out, text);
        if self.kind == ChunkKind::Chat {
            out.put_u8(b'}');
        }
        self.rest(out, extras, None);
    }

    /// The first chunk of a chat: who speaks.
    pub fn role(&self, out: &mut BytesMut) {
        self.delta(out, br#"{"role":"assistant","content":""}"#);
    }

    /// A chunk of a chat whose delta is this JSON.
    pub fn delta(&self, out: &mut BytesMut, json: &[u8]) {
        out.put_slice(&self.choice);
        out.put_slice(b"\"delta\":");
        out.put_slice(json);
        self.rest(out, Extras::default(), None);
    }

    /// The last chunk of a choice: why it ended. `stop` is what ended it, as JSON, where it is a
    /// stop string or id of the request (vLLM's `stop_reason`).
    pub fn finish(&self, out: &mut BytesMut, reason: &str, stop: Option<&str>) {
        out.put_slice(&self.choice);
        out.put_slice(match self.kind {
            ChunkKind::Chat => b"\"delta\":{}",
            ChunkKind::Completion => b"\"text\":\"\"",
        });
        self.rest(out, Extras::default(), Some((reason, stop)));
    }

    fn rest(&self, out: &mut BytesMut, extras: Extras<'_>, end: Option<(&str, Option<&str>)>) {
        out.put_slice(b",\"logprobs\":");
        out.put_slice(extras.logprobs.unwrap_or("null").as_bytes());
        if let Some(ids) = extras.token_ids {
            out.put_slice(b",\"token_ids\":");
            numbers(out, ids);
        }
        out.put_slice(b",\"finish_reason\":");
        match end {
            None => out.put_slice(b"null"),
            Some((reason, stop)) => {
                string(out, reason);
                if let Some(stop) = stop {
                    out.put_slice(b",\"stop_reason\":");
                    out.put_slice(stop.as_bytes());
                }
            }
        }
        out.put_slice(self.close);
    }
}

/// The chunk without choices that tells the usage, which is JSON.
pub fn usage(out: &mut BytesMut, head: ChunkHead<'_>, usage: &str) {
    out.put_slice(&beginning(head));
    out.put_slice(b",\"choices\":[],\"usage\":");
    out.put_slice(usage.as_bytes());
    out.put_slice(b"}\n\n");
}

/// An event whose data is this JSON.
pub fn data(out: &mut BytesMut, json: &[u8]) {
    out.put_slice(b"data: ");
    out.put_slice(json);
    out.put_slice(b"\n\n");
}

fn beginning(head: ChunkHead<'_>) -> Vec<u8> {
    let mut out = BytesMut::new();
    out.put_slice(b"data: {\"id\":");
    string(&mut out, head.id);
    out.put_slice(match head.kind {
        ChunkKind::Chat => b",\"object\":\"chat.completion.chunk\",\"created\":",
        ChunkKind::Completion => b",\"object\":\"text_completion\",\"created\":",
    });
    out.put_slice(itoa::Buffer::new().format(head.created).as_bytes());
    out.put_slice(b",\"model\":");
    string(&mut out, head.model);
    out.to_vec()
}

/// A text as JSON, with its quotes.
fn string(out: &mut BytesMut, text: &str) {
    // Writing a text to a buffer that grows cannot fail.
    let _ = serde_json::to_writer(out.writer(), text);
}

fn numbers(out: &mut BytesMut, ids: &[u32]) {
    out.put_u8(b'[');
    for (i, id) in ids.iter().enumerate() {
        if i > 0 {
            out.put_u8(b',');
        }
        out.put_slice(itoa::Buffer::new().format(*id).as_bytes());
    }
    out.put_u8(b']');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn writer(kind: ChunkKind, usage: bool) -> ChunkWriter {
        let head = ChunkHead {
            kind,
            id: "a\"b",
            created: 7,
            model: "m",
            usage,
        };
        ChunkWriter::new(head, 3)
    }

    /// The JSON of the only event that was written.
    fn event(write: impl FnOnce(&mut BytesMut)) -> Value {
        let mut out = BytesMut::new();
        write(&mut out);
        let text = std::str::from_utf8(&out).unwrap();
        let json = text.strip_prefix("data: ").unwrap();
        let json = json.strip_suffix("\n\n").unwrap();
        assert!(!json.contains(['\n', '\r']), "{json}");
        serde_json::from_str(json).unwrap()
    }

    proptest! {
        #[test]
        fn any_text_is_one_event_that_says_it(text in any::<String>(), usage in any::<bool>()) {
            let found = event(|out| writer(ChunkKind::Chat, usage).text(out, &text));
            let mut expected = json!({
                "id": "a\"b", "object": "chat.completion.chunk", "created": 7, "model": "m",
                "choices": [{"index": 3, "delta": {"content": text}, "logprobs": null,
                             "finish_reason": null}],
            });
            if usage {
                expected["usage"] = Value::Null;
            }
            prop_assert_eq!(&found, &expected);
            let same = event(|out| writer(ChunkKind::Chat, usage).text_with(out, &text, Extras::default()));
            prop_assert_eq!(same, expected);
            let found = event(|out| writer(ChunkKind::Completion, usage).text(out, &text));
            prop_assert_eq!(&found["choices"][0]["text"], &json!(text));
        }
    }

    #[test]
    fn every_other_chunk_is_json_too() {
        let chat = writer(ChunkKind::Chat, false);
        let role = event(|out| chat.role(out));
        assert_eq!(role["choices"][0]["delta"]["role"], "assistant");
        let extras = Extras {
            logprobs: Some("{\"content\":[]}"),
            token_ids: Some(&[1, 23]),
        };
        let full = event(|out| chat.text_with(out, "x", extras));
        assert_eq!(full["choices"][0]["token_ids"], json!([1, 23]));
        assert_eq!(full["choices"][0]["logprobs"], json!({"content": []}));
        for kind in [ChunkKind::Chat, ChunkKind::Completion] {
            let end = event(|out| writer(kind, true).finish(out, "stop", Some("\".\"")));
            assert_eq!(end["choices"][0]["finish_reason"], "stop");
            assert_eq!(end["choices"][0]["stop_reason"], ".");
        }
    }
}
