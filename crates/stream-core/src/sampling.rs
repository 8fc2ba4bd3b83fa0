//! How a token is chosen from the model's logits.

use crate::InvalidRequest;

/// The parameters of sampling, checked when they are built.
///
/// They apply in this order: repetition, presence and frequency penalties, then temperature,
/// top-k, top-p and min-p, then one draw. The default draws from the model's own distribution:
/// temperature 1, nothing cut off, no penalty.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    temperature: f32,
    top_k: Option<u32>,
    top_p: f32,
    min_p: f32,
    repetition_penalty: f32,
    presence_penalty: f32,
    frequency_penalty: f32,
    seed: Option<u64>,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 1.0,
            top_k: None,
            top_p: 1.0,
            min_p: 0.0,
            repetition_penalty: 1.0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            seed: None,
        }
    }
}

impl Sampling {
    /// Always the most probable token.
    pub fn greedy() -> Self {
        Self {
            temperature: 0.0,
            ..Self::default()
        }
    }

    /// Starts from the default.
    pub fn builder() -> SamplingBuilder {
        SamplingBuilder {
            draft: Self::default(),
        }
    }

    /// Whether the most probable token is always taken (temperature 0).
    pub fn is_greedy(&self) -> bool {
        self.temperature == 0.0
    }

    /// Whether earlier tokens change the logits.
    pub fn has_penalties(&self) -> bool {
        self.repetition_penalty != 1.0
            || self.presence_penalty != 0.0
            || self.frequency_penalty != 0.0
    }

    /// Divides the logits; 0 is greedy.
    pub fn temperature(&self) -> f32 {
        self.temperature
    }

    /// Only the `k` most probable tokens; `None` keeps all.
    pub fn top_k(&self) -> Option<u32> {
        self.top_k
    }

    /// The smallest set of tokens whose probabilities sum to at least this; 1 keeps all.
    pub fn top_p(&self) -> f32 {
        self.top_p
    }

    /// Only tokens at least this fraction as probable as the most probable one; 0 keeps all.
    pub fn min_p(&self) -> f32 {
        self.min_p
    }

    /// Divides positive and multiplies negative logits of every token of prompt and answer
    /// (CTRL, arXiv:1909.05858); 1 is off.
    pub fn repetition_penalty(&self) -> f32 {
        self.repetition_penalty
    }

    /// Taken from the logit of every token that the answer already holds; 0 is off.
    pub fn presence_penalty(&self) -> f32 {
        self.presence_penalty
    }

    /// Taken from a token's logit for every time that the answer already holds it; 0 is off.
    pub fn frequency_penalty(&self) -> f32 {
        self.frequency_penalty
    }

    /// The seed of the draws; the engine picks one where it is `None`.
    pub fn seed(&self) -> Option<u64> {
        self.seed
    }
}

/// Collects the parameters of a [`Sampling`] and checks them in [`build`](Self::build).
#[derive(Debug, Clone)]
#[must_use]
pub struct SamplingBuilder {
    draft: Sampling,
}

impl SamplingBuilder {
    /// 0 for greedy, else 0.01 to 10.
    pub fn temperature(mut self, temperature: f32) -> Self {
        self.draft.temperature = temperature;
        self
    }

    /// Keep the `k` most probable tokens; 0 keeps all.
    pub fn top_k(mut self, k: u32) -> Self {
        self.draft.top_k = (k > 0).then_some(k);
        self
    }

    /// Over 0, up to 1.
    pub fn top_p(mut self, p: f32) -> Self {
        self.draft.top_p = p;
        self
    }

    /// 0 to 1.
    pub fn min_p(mut self, p: f32) -> Self {
        self.draft.min_p = p;
        self
    }

    /// Over 0, up to 10; 1 is off.
    pub fn repetition_penalty(mut self, penalty: f32) -> Self {
        self.draft.repetition_penalty = penalty;
        self
    }

    /// −2 to 2; 0 is off.
    pub fn presence_penalty(mut self, penalty: f32) -> Self {
        self.draft.presence_penalty = penalty;
        self
    }

    /// −2 to 2; 0 is off.
    pub fn frequency_penalty(mut self, penalty: f32) -> Self {
        self.draft.frequency_penalty = penalty;
        self
    }

    /// Makes the draws repeatable: the same seed gives the same ids, alone and in any batch.
    pub fn seed(mut self, seed: u64) -> Self {
        self.draft.seed = Some(seed);
        self
    }

    /// Checks every parameter.
    ///
    /// # Errors
    /// The first parameter that is out of its range or not a number.
    pub fn build(self) -> Result<Sampling, InvalidRequest> {
        let s = &self.draft;
        require(
            s.temperature == 0.0 || (0.01..=10.0).contains(&s.temperature),
            (
                "temperature",
                s.temperature,
                "0 (greedy) or from 0.01 to 10",
            ),
        )?;
        require(
            s.top_p > 0.0 && s.top_p <= 1.0,
            ("top_p", s.top_p, "over 0 and at most 1 (1 keeps all)"),
        )?;
        require(
            (0.0..=1.0).contains(&s.min_p),
            ("min_p", s.min_p, "from 0 (keeps all) to 1"),
        )?;
        require(
            s.repetition_penalty > 0.0 && s.repetition_penalty <= 10.0,
            (
                "repetition_penalty",
                s.repetition_penalty,
                "over 0 and at most 10 (1 is off)",
            ),
        )?;
        for (name, value) in [
            ("presence_penalty", s.presence_penalty),
            ("frequency_penalty", s.frequency_penalty),
        ] {
            require(
                (-2.0..=2.0).contains(&value),
                (name, value, "from -2 to 2 (0 is off)"),
            )?;
        }
        Ok(self.draft)
    }
}

fn require(
    holds: bool,
    (parameter, found, allowed): (&'static str, f32, &str),
) -> Result<(), InvalidRequest> {
    if holds {
        Ok(())
    } else {
        Err(InvalidRequest::new(parameter, found, allowed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(builder: SamplingBuilder) -> &'static str {
        builder.build().err().map_or("accepted", |e| e.parameter)
    }

    #[test]
    fn impossible_values_are_named() {
        let b = Sampling::builder;
        for t in [-1.0, f32::NAN, f32::INFINITY, 1e-30, 1e30] {
            assert_eq!(rejected(b().temperature(t)), "temperature", "{t}");
        }
        for p in [0.0, -0.1, 1.1, f32::NAN] {
            assert_eq!(rejected(b().top_p(p)), "top_p", "{p}");
        }
        for p in [-0.1, 1.1, f32::NAN] {
            assert_eq!(rejected(b().min_p(p)), "min_p", "{p}");
        }
        for p in [0.0, -1.0, 11.0, f32::NAN] {
            assert_eq!(
                rejected(b().repetition_penalty(p)),
                "repetition_penalty",
                "{p}"
            );
        }
        assert_eq!(rejected(b().presence_penalty(2.1)), "presence_penalty");
        assert_eq!(rejected(b().frequency_penalty(-2.1)), "frequency_penalty");
    }

    #[test]
    fn the_error_says_what_is_allowed() {
        let error = Sampling::builder().temperature(-1.0).build().unwrap_err();
        assert_eq!(
            error.to_string(),
            "temperature is -1, but must be 0 (greedy) or from 0.01 to 10"
        );
    }

    #[test]
    fn zero_means_greedy_and_no_top_k() {
        let s = Sampling::builder()
            .temperature(0.0)
            .top_k(0)
            .build()
            .unwrap();
        assert!(s.is_greedy());
        assert_eq!(s.top_k(), None);
    }
}
