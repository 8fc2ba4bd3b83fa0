//! A tokenizer with a token for each letter.

use stream_core::{Message, TokenId, TokenizeError, Tokenizer};

/// Ends a generation.
pub(crate) const END: TokenId = 0;
/// Adds no text and ends nothing.
pub(crate) const SPECIAL: TokenId = 1;
/// The four bytes of 🙂, a token each.
pub(crate) const SMILE: [TokenId; 4] = [30, 31, 32, 33];
/// Ids that the tokenizer knows.
pub(crate) const KNOWN: usize = 60;
/// Ids that the model has logits for.
pub(crate) const VOCABULARY: usize = 64;

const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz .";

pub(crate) struct Words {
    bytes: Vec<Vec<u8>>,
}

impl Words {
    pub(crate) fn new() -> Self {
        let mut bytes = vec![Vec::new(); 2];
        bytes.extend(LETTERS.iter().map(|&letter| vec![letter]));
        bytes.extend("🙂".bytes().map(|byte| vec![byte]));
        bytes.extend((b'A'..=b'Z').map(|letter| vec![letter]));
        assert_eq!(bytes.len(), KNOWN);
        Self { bytes }
    }
}

/// The ids of a text.
pub(crate) fn ids(text: &str) -> Vec<TokenId> {
    let words = Words::new();
    let id = |byte: u8| words.bytes.iter().position(|known| *known == [byte]);
    text.bytes().map(|b| id(b).unwrap() as TokenId).collect()
}

/// The text of ids.
pub(crate) fn text(ids: &[TokenId]) -> String {
    let words = Words::new();
    let bytes: Vec<u8> = ids
        .iter()
        .flat_map(|&id| words.bytes[id as usize].clone())
        .collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Tokenizer for Words {
    /// `%` cannot be encoded, `!` panics, and `#` becomes an id that no model has.
    fn encode(&self, text: &str) -> Result<Vec<TokenId>, TokenizeError> {
        let known = |byte: u8| self.bytes.iter().position(|known| *known == [byte]);
        let id = |byte| match byte {
            b'!' => panic!("a tokenizer may panic"),
            b'#' => Ok(1000),
            b'_' => Ok(SPECIAL),
            _ => known(byte)
                .map(|id| id as TokenId)
                .ok_or_else(|| TokenizeError::new(format!("no token for byte {byte}"))),
        };
        text.trim_matches('^').bytes().map(id).collect()
    }

    fn render_chat(&self, messages: &[Message]) -> Result<String, TokenizeError> {
        let contents: Vec<_> = messages.iter().map(|m| m.content.as_str()).collect();
        Ok(contents.join(" ") + ".")
    }

    fn token_bytes(&self, id: TokenId) -> Option<&[u8]> {
        self.bytes.get(id as usize).map(Vec::as_slice)
    }

    fn vocabulary_size(&self) -> usize {
        KNOWN
    }

    fn end_ids(&self) -> &[TokenId] {
        &[END]
    }
}
