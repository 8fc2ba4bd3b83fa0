//! Bytes to text, one token at a time.

use std::char::REPLACEMENT_CHARACTER;

/// Decodes UTF-8 whose characters may be split over several pushes.
///
/// What was pushed so far, joined and finished, is always exactly
/// [`String::from_utf8_lossy`] of all the bytes: one U+FFFD for every maximal part of a
/// character that something else follows (Unicode 16, section 3.9, "U+FFFD Substitution of
/// Maximal Subparts").
#[derive(Debug, Clone, Default)]
pub struct Detokenizer {
    /// Between pushes: the start of one character, at most three bytes.
    pending: Vec<u8>,
}

impl Detokenizer {
    /// Appends to `out` the text that `bytes` make certain.
    pub fn push(&mut self, bytes: &[u8], out: &mut String) {
        if self.pending.is_empty()
            && let Ok(text) = std::str::from_utf8(bytes)
        {
            return out.push_str(text);
        }
        self.pending.extend_from_slice(bytes);
        let mut carried = 0;
        let mut chunks = self.pending.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            out.push_str(chunk.valid());
            if chunks.peek().is_none() && may_continue(chunk.invalid()) {
                carried = chunk.invalid().len();
            } else if !chunk.invalid().is_empty() {
                out.push(REPLACEMENT_CHARACTER);
            }
        }
        self.pending.drain(..self.pending.len() - carried);
    }

    /// The bytes go no further: appends U+FFFD for a character that was begun.
    pub fn finish(&mut self, out: &mut String) {
        if !self.pending.is_empty() {
            out.push(REPLACEMENT_CHARACTER);
            self.pending.clear();
        }
    }

    /// Bytes that wait for the rest of their character, at most three.
    pub fn held(&self) -> &[u8] {
        &self.pending
    }
}

/// Whether more bytes could make a character of these, which are not one yet.
fn may_continue(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|e| e.error_len().is_none())
}
