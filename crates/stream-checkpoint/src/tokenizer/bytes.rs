//! From tokens back to bytes: the byte-level alphabet of GPT-2.

use stream_core::TokenId;

use super::vocabulary::{TokenType, Vocabulary};

/// Bytes that GPT-2's alphabet writes as the character of the same number: what prints in
/// Latin-1. The others follow from U+0100 on (`bytes_to_unicode` in GPT-2's `encoder.py`).
fn prints(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF)
}

/// The bytes that the alphabet's characters stand for, by the character's number.
struct Alphabet([Option<u8>; 256 + 68]);

impl Alphabet {
    fn new() -> Self {
        let mut table = [None; 324];
        let mut next = 256;
        for byte in 0..=255 {
            let place = if prints(byte) {
                usize::from(byte)
            } else {
                next
            };
            next += usize::from(!prints(byte));
            table[place] = Some(byte);
        }
        Self(table)
    }

    fn byte(&self, character: char) -> Option<u8> {
        self.0.get(character as usize).copied().flatten()
    }

    /// Appends the bytes of a token's text, or nothing if a character is not of the alphabet.
    fn decode(&self, text: &str, out: &mut Vec<u8>) -> Option<()> {
        let begin = out.len();
        for character in text.chars() {
            match self.byte(character) {
                Some(byte) => out.push(byte),
                None => {
                    out.truncate(begin);
                    return None;
                }
            }
        }
        Some(())
    }
}

/// The bytes of every token, one after the other.
#[derive(Debug)]
pub(super) struct TokenBytes {
    bytes: Vec<u8>,
    /// Where each token ends.
    ends: Vec<u32>,
}

impl TokenBytes {
    pub(super) fn new(vocabulary: &Vocabulary<'_>) -> Self {
        let alphabet = Alphabet::new();
        let mut table = Self {
            bytes: Vec::new(),
            ends: Vec::with_capacity(vocabulary.tokens.len()),
        };
        for (_, text, kind) in vocabulary.iter() {
            table.push(&alphabet, text, kind);
        }
        table.bytes.shrink_to_fit();
        table
    }

    fn push(&mut self, alphabet: &Alphabet, text: &str, kind: TokenType) {
        match kind {
            TokenType::Control | TokenType::Unused => {}
            TokenType::UserDefined => self.bytes.extend_from_slice(text.as_bytes()),
            TokenType::Normal => {
                // A text outside the alphabet stands for itself, as in Hugging Face's decoder.
                if alphabet.decode(text, &mut self.bytes).is_none() {
                    self.bytes.extend_from_slice(text.as_bytes());
                }
            }
        }
        // All texts together are at most `MOST_TEXT` bytes long, and no token's bytes are more
        // than its text's.
        self.ends.push(self.bytes.len() as u32);
    }

    pub(super) fn get(&self, id: TokenId) -> Option<&[u8]> {
        let id = id as usize;
        let end = *self.ends.get(id)? as usize;
        let begin = match id.checked_sub(1) {
            Some(previous) => self.ends[previous] as usize,
            None => 0,
        };
        self.bytes.get(begin..end)
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }
}
