//! One sequence's text.

use stream_core::{Stop, TokenId, Tokenizer};

use super::{Detokenizer, StopMatcher};

/// The text that became certain with one token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Piece {
    /// May leave now; empty while a character is incomplete or a stop string may have begun.
    pub text: String,
    /// The stop string that ends the sequence here.
    pub stop: Option<String>,
}

/// An id that the tokenizer has no bytes for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("token id {id} is outside the tokenizer's vocabulary of {vocabulary}")]
pub struct UnknownToken {
    /// The id.
    pub id: TokenId,
    /// Ids that the tokenizer has.
    pub vocabulary: usize,
}

/// Makes the text of one sequence from its token ids, up to the first stop string.
///
/// The token that ends a sequence (end of sequence, or a stop id) is no text: it is not pushed,
/// and [`finish`](Self::finish) is called in its place.
///
/// **`min_tokens`.** A stop string counts when a token after the first
/// [`min_tokens`](Stop::min_tokens) completes it. If one of the first completes it, it is
/// ordinary text. One that begins in the text of the first and is completed after them counts,
/// and none of it leaves.
#[derive(Debug, Clone)]
pub struct TextAssembler {
    detokenizer: Detokenizer,
    stops: StopMatcher,
    /// How many of the next tokens cannot complete a stop string.
    exempt: usize,
}

impl TextAssembler {
    /// An assembler for a new sequence.
    pub fn new(stop: &Stop) -> Self {
        Self {
            detokenizer: Detokenizer::default(),
            stops: StopMatcher::new(stop),
            exempt: stop.min_tokens(),
        }
    }

    /// Takes the next token. After the piece with the stop string, every piece is empty.
    ///
    /// # Errors
    /// If the tokenizer does not know the id; the text goes on as if it had not come.
    pub fn push(&mut self, tokenizer: &dyn Tokenizer, id: TokenId) -> Result<Piece, UnknownToken> {
        let bytes = tokenizer.token_bytes(id).ok_or(UnknownToken {
            id,
            vocabulary: tokenizer.vocabulary_size(),
        })?;
        let mut text = String::new();
        self.detokenizer.push(bytes, &mut text);
        let piece = self.filter(text);
        self.exempt = self.exempt.saturating_sub(1);
        Ok(piece)
    }

    /// The sequence ends, for whatever reason: everything that was held back, an incomplete
    /// character as U+FFFD. Empty after a stop string.
    ///
    /// A stop string that holds a U+FFFD can be completed by this one.
    pub fn finish(&mut self) -> Piece {
        let mut text = String::new();
        self.detokenizer.finish(&mut text);
        let mut piece = self.filter(text);
        self.stops.flush(&mut piece.text);
        piece
    }

    /// What [`finish`](Self::finish) would release now, if it completed no stop string.
    pub fn held(&self) -> String {
        let mut held = self.stops.held().to_owned();
        if !self.stops.has_stopped() && !self.detokenizer.held().is_empty() {
            held.push(char::REPLACEMENT_CHARACTER);
        }
        held
    }

    fn filter(&mut self, text: String) -> Piece {
        if self.stops.is_empty() {
            return Piece { text, stop: None };
        }
        let mut piece = Piece::default();
        if self.exempt > 0 {
            self.stops.pass(&text, &mut piece.text);
        } else {
            piece.stop = self.stops.push(&text, &mut piece.text);
        }
        piece
    }
}
