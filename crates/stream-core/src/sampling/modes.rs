//! Samplers with several parameters.

/// "Don't repeat yourself": makes a token less likely if it would go on with a sequence that
/// stands in prompt or answer already (text-generation-webui, pull request 5677; the sampler
/// `dry` of llama.cpp).
///
/// If the last `m` tokens stood before, with `m` at least `allowed_length`, then
/// `multiplier · base^(m − allowed_length)` is taken from the logit of each token that followed
/// them; of several such sequences the longest counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Dry {
    /// Over 0, up to 100.
    pub multiplier: f32,
    /// 1 to 10.
    pub base: f32,
    /// Tokens of a repetition that cost nothing: 1 to 4096.
    pub allowed_length: usize,
    /// How many of the last tokens are looked at, at least 1; `None` is all of prompt and
    /// answer.
    pub range: Option<usize>,
    /// Texts that a repetition does not reach over: at most 32 of 1 to 64 bytes. A token in
    /// whose bytes one of them ends breaks every sequence.
    pub sequence_breakers: Vec<String>,
}

impl Default for Dry {
    /// Multiplier 0.8, base 1.75, allowed length 2, all of prompt and answer, broken by a line
    /// break, a colon, a double quote and an asterisk: the defaults of those programs.
    fn default() -> Self {
        Self {
            multiplier: 0.8,
            base: 1.75,
            allowed_length: 2,
            range: None,
            sequence_breakers: ["\n", ":", "\"", "*"].map(str::to_owned).into(),
        }
    }
}

/// "Exclude top choices": with a certain probability, of all tokens that are at least as
/// probable as a threshold only the least probable is kept (text-generation-webui, pull request
/// 6335; the sampler `xtc` of llama.cpp).
///
/// Where less than two tokens reach the threshold nothing is excluded. End tokens are excluded
/// as all others are. Whether a draw excludes is a random number of its own, so it is repeatable
/// by the seed and does not depend on the token's draw.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Xtc {
    /// How often it excludes: over 0, up to 1.
    pub probability: f32,
    /// Over 0, up to 0.5: over a half there are no two tokens.
    pub threshold: f32,
}

impl Default for Xtc {
    /// Half the time, a threshold of 0.1: the defaults of the original.
    fn default() -> Self {
        Self {
            probability: 0.5,
            threshold: 0.1,
        }
    }
}

/// Mirostat 2.0: keeps the surprise of the text near a target (arXiv:2007.14966; the sampler
/// `mirostat_v2` of llama.cpp).
///
/// Tokens with a surprise −log₂ p over a bound μ are cut off, but for the most probable one. One
/// of the rest is drawn, and its surprise s, in the distribution of the rest, moves the bound:
/// μ ← μ − eta · (s − tau). An answer begins with μ = 2 · tau.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mirostat {
    /// The target surprise in bits: over 0, up to 100.
    pub tau: f32,
    /// The learning rate: over 0, up to 10.
    pub eta: f32,
}

impl Default for Mirostat {
    /// Five bits, a rate of 0.1: the defaults of llama.cpp.
    fn default() -> Self {
        Self { tau: 5.0, eta: 0.1 }
    }
}

impl Mirostat {
    /// The bound μ before the first token.
    pub fn first_bound(self) -> f32 {
        2.0 * self.tau
    }
}
