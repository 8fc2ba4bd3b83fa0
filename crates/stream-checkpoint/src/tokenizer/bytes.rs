//! From tokens back to bytes: the byte-level alphabet of GPT-2, and SentencePiece's bytes.

use stream_core::TokenId;

/// Bytes that GPT-2's alphabet writes as the character of the same number: what prints in
/// Latin-1. The others follow from U+0100 on (`bytes_to_unicode` in GPT-2's `encoder.py`).
fn prints(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF)
}

/// The bytes that the alphabet's characters stand for, by the character's number.
pub(super) struct Alphabet([Option<u8>; 256 + 68]);

impl Alphabet {
    pub(super) fn new() -> Self {
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

    /// The bytes of a token. A text outside the alphabet stands for itself, as in Hugging Face's
    /// decoder.
    pub(super) fn bytes(&self, token: &str) -> Vec<u8> {
        let bytes = token.chars().map(|character| self.byte(character));
        bytes
            .collect::<Option<_>>()
            .unwrap_or_else(|| token.as_bytes().to_vec())
    }
}

/// SentencePiece writes a byte that no other token covers as `<0xAB>`.
pub(super) fn fallback_byte(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>')?;
    (digits.len() == 2).then(|| u8::from_str_radix(digits, 16).ok())?
}

/// What a text that is decoded from its first token on loses at its beginning.
///
/// SentencePiece vocabularies put a space before a text, so that a word has the same tokens at
/// the beginning and after another; decoding takes it away again. An answer is no beginning: it
/// goes on where its prompt ended, and keeps its first space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Leading {
    /// Nothing.
    #[default]
    Kept,
    /// This character, at most so many times.
    Stripped { content: char, most: usize },
    /// The spaces of its first token.
    FirstTokensSpaces,
}

/// The bytes of every token, one after the other.
#[derive(Debug)]
pub(super) struct TokenBytes {
    bytes: Vec<u8>,
    /// Where each token ends.
    ends: Vec<u32>,
    /// Ids between others that no token has, in order.
    absent: Vec<TokenId>,
    leading: Leading,
}

impl TokenBytes {
    pub(super) fn with_capacity(tokens: usize, leading: Leading) -> Self {
        Self {
            bytes: Vec::new(),
            ends: Vec::with_capacity(tokens),
            absent: Vec::new(),
            leading,
        }
    }

    /// The next token. All together are far below 4 GB: no token's bytes are more than a few
    /// times its text's, and the texts are bounded where they are read.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.ends.push(self.bytes.len() as u32);
    }

    /// The next id has no token.
    pub(super) fn push_absent(&mut self) {
        self.absent.push(self.ends.len() as TokenId);
        self.push(&[]);
    }

    pub(super) fn get(&self, id: TokenId) -> Option<&[u8]> {
        if self.absent.binary_search(&id).is_ok() {
            return None;
        }
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

    /// The text of ids from its beginning on.
    pub(super) fn decode(&self, ids: &[TokenId]) -> String {
        let mut tokens = ids
            .iter()
            .filter_map(|id| self.get(*id))
            .filter(|t| !t.is_empty());
        let mut bytes = match self.leading {
            Leading::FirstTokensSpaces => without_spaces(tokens.next().unwrap_or_default()),
            Leading::Kept | Leading::Stripped { .. } => Vec::new(),
        };
        tokens.for_each(|token| bytes.extend_from_slice(token));
        let text = String::from_utf8_lossy(&bytes);
        match self.leading {
            Leading::Stripped { content, most } => strip(&text, content, most).to_owned(),
            Leading::Kept | Leading::FirstTokensSpaces => text.into_owned(),
        }
    }
}

fn without_spaces(token: &[u8]) -> Vec<u8> {
    token.iter().copied().filter(|byte| *byte != b' ').collect()
}

/// Takes a character away from the beginning, at most so many times.
pub(super) fn strip(mut text: &str, content: char, most: usize) -> &str {
    for _ in 0..most {
        match text.strip_prefix(content) {
            Some(rest) => text = rest,
            None => break,
        }
    }
    text
}
