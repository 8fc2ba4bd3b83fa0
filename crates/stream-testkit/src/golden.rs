//! A tokenizer whose tokens divide characters in every way that real ones do.

use stream_core::{Message, TokenId, TokenizeError, Tokenizer};

/// Ends a generation and adds no text.
const END: [TokenId; 1] = [0];
/// Adds no text and ends nothing.
const SPECIAL: TokenId = 1;
const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz .";

/// Parts of characters: an emoji as four bytes, a CJK character as two and one and as three, a
/// family joined by zero-width joiners cut inside its members, a letter with its accent apart and
/// one in two bytes, whose decoding is shorter than that of the first alone, and bytes that never
/// belong to a character.
const PARTS: [&[u8]; 18] = [
    b"\xF0",
    b"\x9F",
    b"\x99",
    b"\x82",
    b"\xE6\xB0",
    b"\xB4",
    b"\xF0\x9F\x91\xA9\xE2\x80",
    b"\x8D\xF0\x9F\x91",
    b"\xA7",
    b"e\xCC",
    b"\x81",
    b"\xFF",
    b"\xC0\xAF",
    b" \xE6\xB0\xB4a\xC3",
    b"\xE6",
    b"\xB0",
    b"\xC3",
    b"\xA9",
];

/// A token for each letter, and tokens that are parts of characters. Text is encoded letter by
/// letter.
#[derive(Debug)]
pub struct Golden {
    bytes: Vec<&'static [u8]>,
}

impl Default for Golden {
    fn default() -> Self {
        let mut bytes: Vec<&[u8]> = vec![b"", b""];
        bytes.extend(LETTERS.chunks(1));
        bytes.extend(PARTS);
        Self { bytes }
    }
}

impl Golden {
    /// What the ids decode to all at once.
    pub fn decode(&self, ids: &[TokenId]) -> String {
        let bytes = ids.iter().filter_map(|&id| self.token_bytes(id));
        let bytes: Vec<u8> = bytes.flatten().copied().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn letter(&self, byte: u8) -> TokenId {
        let known = LETTERS
            .iter()
            .position(|&letter| letter == byte.to_ascii_lowercase());
        known.map_or(SPECIAL, |place| place as TokenId + 2)
    }
}

impl Tokenizer for Golden {
    fn encode(&self, text: &str) -> Result<Vec<TokenId>, TokenizeError> {
        Ok(text.bytes().map(|byte| self.letter(byte)).collect())
    }

    fn render_chat(&self, messages: &[Message]) -> Result<String, TokenizeError> {
        let contents: Vec<_> = messages.iter().map(|m| m.content.as_str()).collect();
        Ok(contents.join(" ") + ".")
    }

    fn token_bytes(&self, id: TokenId) -> Option<&[u8]> {
        self.bytes.get(id as usize).copied()
    }

    fn vocabulary_size(&self) -> usize {
        self.bytes.len()
    }

    fn end_ids(&self) -> &[TokenId] {
        &END
    }
}
