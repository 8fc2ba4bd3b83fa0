//! Which draw this is.

use super::philox::philox4x32_10;

/// Names one draw of one answer. The same key gives the same number, whatever else is drawn
/// before, beside or after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct DrawKey {
    /// The request's seed, or the one that the engine picked for it.
    pub seed: u64,
    /// Which of the request's answers, so that they differ.
    pub choice: u32,
    /// Tokens of the answer before the one that is drawn.
    pub position: u64,
}

impl DrawKey {
    /// The draw at another position of the same answer.
    #[must_use]
    pub fn at(self, position: u64) -> Self {
        Self { position, ..self }
    }

    /// The draw: a multiple of 2⁻⁵³ in `[0, 1)`, evenly distributed.
    ///
    /// The first 53 bits of the first two words that Philox4x32-10 makes of the counter
    /// (position low, position high, choice, 0) under the key (seed low, seed high).
    pub fn uniform(&self) -> f64 {
        self.number(0)
    }

    /// Whether XTC excludes: a number as [`uniform`](Self::uniform) and independent of it, with
    /// a 1 in the counter's last place.
    pub fn uniform_of_xtc(&self) -> f64 {
        self.number(1)
    }

    fn number(&self, purpose: u32) -> f64 {
        let counter = [
            low(self.position),
            high(self.position),
            self.choice,
            purpose,
        ];
        let words = philox4x32_10(counter, [low(self.seed), high(self.seed)]);
        let bits = u64::from(words[0]) << 32 | u64::from(words[1]);
        (bits >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }
}

fn low(word: u64) -> u32 {
    word as u32
}

fn high(word: u64) -> u32 {
    (word >> 32) as u32
}
