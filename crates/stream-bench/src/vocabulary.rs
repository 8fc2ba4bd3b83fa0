//! The tokens that synthetic prompts are made of.

use stream_core::{TokenId, Tokenizer};

/// With so many tokens that are words, nothing else is needed.
const ENOUGH_WORDS: usize = 256;

/// Tokens that stand for plain text, each with it.
///
/// They are whole words with the space before them, where the vocabulary has enough of these: so
/// that a contender which takes text only reads the same prompt, in nearly as many tokens.
#[derive(Debug, Clone)]
pub struct Vocabulary {
    tokens: Vec<(TokenId, String)>,
}

/// A vocabulary has no token that stands for text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the model's vocabulary has no token that stands for text, so no prompt can be made of it")]
pub struct NoTokens;

impl Vocabulary {
    /// The usable tokens of a model's tokenizer.
    ///
    /// # Errors
    /// If there is none.
    pub fn of(tokenizer: &dyn Tokenizer) -> Result<Self, NoTokens> {
        let ids = (0..).take(tokenizer.vocabulary_size());
        let text = |id| Some((id, plain(tokenizer.token_bytes(id)?)?.to_owned()));
        let mut tokens: Vec<_> = ids.filter_map(text).collect();
        tokens.retain(|(id, _)| !tokenizer.end_ids().contains(id));
        let is_word = |(_, text): &&(TokenId, String)| is_word(text);
        if tokens.iter().filter(is_word).count() >= ENOUGH_WORDS {
            tokens.retain(|token| is_word(&token));
        }
        match tokens.is_empty() {
            false => Ok(Self { tokens }),
            true => Err(NoTokens),
        }
    }

    /// So many tokens, with their text.
    pub(crate) fn draw(&self, count: usize, draws: &mut fastrand::Rng) -> Drawn {
        let mut drawn = Drawn::default();
        for _ in 0..count {
            let (id, text) = &self.tokens[draws.usize(..self.tokens.len())];
            drawn.ids.push(*id);
            drawn.text.push_str(text);
        }
        drawn
    }
}

/// Tokens with the text that they stand for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Drawn {
    pub(crate) ids: Vec<TokenId>,
    pub(crate) text: String,
}

impl Drawn {
    pub(crate) fn append(&mut self, other: &Self) {
        self.ids.extend(&other.ids);
        self.text.push_str(&other.text);
    }
}

/// The text, if it is whole and can be seen.
fn plain(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let seen = !text.trim().is_empty() && !text.chars().any(char::is_control);
    seen.then_some(text)
}

fn is_word(text: &str) -> bool {
    let word = text.strip_prefix(' ').unwrap_or_default();
    word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_lowercase())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use stream_core::{Message, TokenizeError};

    /// Text is cut at spaces; every piece that it knows is a token.
    pub(crate) struct Pieces(pub(crate) Vec<&'static [u8]>);

    impl Tokenizer for Pieces {
        fn encode(&self, text: &str) -> Result<Vec<TokenId>, TokenizeError> {
            Ok((0..).zip(text.split(' ')).map(|(id, _)| id).collect())
        }
        fn render_chat(&self, _: &[Message]) -> Result<String, TokenizeError> {
            Err(TokenizeError::new("no template"))
        }
        fn token_bytes(&self, id: TokenId) -> Option<&[u8]> {
            self.0.get(id as usize).copied()
        }
        fn vocabulary_size(&self) -> usize {
            self.0.len()
        }
        fn end_ids(&self) -> &[TokenId] {
            &[1]
        }
    }

    #[test]
    fn only_tokens_of_plain_text_are_used() {
        let pieces = Pieces(vec![
            b"a",
            b"end",
            b"",
            b"\xc3",
            b"\n",
            b" ",
            " né".as_bytes(),
        ]);
        let vocabulary = Vocabulary::of(&pieces).unwrap();
        let ids: Vec<_> = vocabulary.tokens.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, [0, 6]);
        let drawn = vocabulary.draw(50, &mut fastrand::Rng::with_seed(1));
        assert_eq!(drawn.ids.len(), 50);
        assert_eq!(
            drawn.text.matches('a').count() + drawn.text.matches(" né").count(),
            50
        );
        assert_eq!(Vocabulary::of(&Pieces(vec![b"\n"])).unwrap_err(), NoTokens);
    }

    #[test]
    fn words_are_preferred_where_there_are_enough() {
        let mut pieces: Vec<&'static [u8]> = vec![b"x", b"end"];
        pieces.extend(vec![&b" word"[..]; ENOUGH_WORDS]);
        let vocabulary = Vocabulary::of(&Pieces(pieces)).unwrap();
        assert_eq!(vocabulary.tokens.len(), ENOUGH_WORDS);
        assert!(vocabulary.tokens.iter().all(|(_, text)| text == " word"));
    }
}
