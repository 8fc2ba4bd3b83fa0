//! What a draft token is worth in a step.

/// A step as it grows: how long it takes, and how much of it is of use.
///
/// A step of `n` tokens takes the time of `n + overhead` of them. Another token, accepted with
/// the probability `p`, is worth its time if `p` tokens for one token's time are more than what
/// the step does without it: if `p > useful / (n + overhead)`. Alone on a model with an overhead
/// of 3, that is from 1 in 4 on; beside seven others that decode, from 8 in 11 on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Worth {
    /// Input tokens and overhead.
    time: f64,
    /// Input tokens that will not have been in vain.
    useful: f64,
}

impl Worth {
    /// A step of so many input tokens, none of them drafted.
    pub(crate) fn new(tokens: usize, overhead: usize) -> Self {
        Self {
            time: (tokens + overhead) as f64,
            useful: tokens as f64,
        }
    }

    /// From which chance on a draft pays in a step of this one sequence.
    pub(crate) fn least_chance(overhead: usize) -> f64 {
        1.0 / (1 + overhead) as f64
    }

    /// How many draft tokens of a row are worth their time, `most` at the most, if each that
    /// follows an accepted one is accepted with the probability `chance`.
    pub(crate) fn draft(&self, chance: f64, most: usize) -> usize {
        let mut step = *self;
        let mut accepted = chance;
        let mut worth = 0;
        while worth < most && accepted * step.time > step.useful {
            step.time += 1.0;
            step.useful += accepted;
            accepted *= chance;
            worth += 1;
        }
        worth
    }

    /// The step has got a draft of so many tokens.
    pub(crate) fn add(&mut self, drafted: usize, chance: f64) {
        self.time += drafted as f64;
        let powers = (1..=drafted).map(|power| chance.powi(power as i32));
        self.useful += powers.sum::<f64>();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_is_as_long_as_it_pays() {
        let alone = Worth::new(1, 3);
        let drafts = |worth: &Worth| [0.2, 0.3, 0.5, 0.7, 0.9, 1.0].map(|p| worth.draft(p, 9));
        assert_eq!(drafts(&alone), [0, 1, 1, 2, 6, 9]);
        let among_eight = Worth::new(8, 3);
        assert_eq!(drafts(&among_eight), [0, 0, 0, 0, 2, 9]);
        // Reading the weights takes no time: nothing is to be gained.
        assert_eq!(drafts(&Worth::new(1, 0)), [0; 6]);
    }

    #[test]
    fn every_draft_makes_the_next_one_worth_less() {
        let mut step = Worth::new(2, 3);
        let drafts = |step: &Worth| [0.5, 0.7].map(|p| step.draft(p, 9));
        assert_eq!(drafts(&step), [1, 2]);
        step.add(1, 0.9);
        assert_eq!(drafts(&step), [1, 1]);
        step.add(7, 0.9);
        assert_eq!(drafts(&step), [0, 1]);
    }
}
