//! How often a sequence's drafts are right.

/// What counts of the past after each draft.
const MEMORY: f64 = 0.85;
/// Tokens of the first rest.
const FIRST_REST: usize = 4;
/// Every rest is twice as long as the one before, so often.
const MOST_DOUBLINGS: u32 = 6;

/// An estimate of how probably a draft token is accepted if the one before it is, and a rest
/// from drafting while the estimate is too low to pay.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pace {
    /// Draft tokens that were accepted, fading.
    right: f64,
    /// Drafts that went wrong at some token, fading.
    wrong: f64,
    /// Rests in a row, less those that were followed by an accepted draft.
    rests: u32,
    /// It rests until the answer has so many tokens.
    rests_until: usize,
}

impl Pace {
    /// Before anything is known, even chances.
    pub(crate) const NEW: Self = Self {
        right: 1.0,
        wrong: 1.0,
        rests: 0,
        rests_until: 0,
    };

    /// The probability that a draft's next token is accepted; `None` while the sequence, with so
    /// many tokens in its answer, rests.
    pub(crate) fn chance(&self, answered: usize) -> Option<f64> {
        (answered >= self.rests_until).then(|| self.estimate())
    }

    /// The same, resting or not.
    pub(crate) fn estimate(&self) -> f64 {
        self.right / (self.right + self.wrong)
    }

    /// So many tokens of a draft were accepted; the answer had `answered` tokens before. `needed`
    /// is the chance from which on a draft pays.
    pub(crate) fn note(&mut self, drafted: usize, accepted: usize, answered: usize, needed: f64) {
        self.right = self.right * MEMORY + accepted as f64;
        self.wrong = self.wrong * MEMORY + f64::from(u8::from(accepted < drafted));
        if accepted > 0 {
            self.rests = self.rests.saturating_sub(1);
        }
        if self.estimate() < needed {
            self.rest(answered + accepted);
        }
    }

    /// Stops for a while, and begins anew then.
    fn rest(&mut self, answered: usize) {
        let doublings = self.rests.min(MOST_DOUBLINGS);
        *self = Self {
            rests: self.rests + 1,
            rests_until: answered + 1 + (FIRST_REST << doublings),
            ..Self::NEW
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Drafts of one token in an answer of `tokens`, each accepted if `right` says so.
    fn drafts(tokens: usize, right: impl Fn(usize) -> bool) -> Vec<usize> {
        let mut pace = Pace::NEW;
        let mut drafts = Vec::new();
        for answered in 0..tokens {
            if pace.chance(answered).is_some() {
                drafts.push(answered);
                pace.note(1, usize::from(right(answered)), answered, 0.25);
            }
        }
        drafts
    }

    #[test]
    fn what_never_pays_is_tried_ever_more_rarely() {
        assert_eq!(drafts(60, |_| false), [0, 1, 6, 7, 16, 17, 34, 35]);
        assert!(drafts(4000, |_| false).len() < 50);
    }

    #[test]
    fn what_always_pays_is_never_interrupted() {
        assert_eq!(drafts(50, |_| true).len(), 50);
        let mut pace = Pace::NEW;
        (0..20).for_each(|i| pace.note(7, 7, i * 8, 0.25));
        assert!(pace.chance(160).unwrap() > 0.99);
    }

    #[test]
    fn it_comes_back_when_drafts_turn_right() {
        let late = drafts(400, |answered| answered > 200);
        assert!(late.iter().filter(|&&at| at < 200).count() < 20);
        assert!(
            late.iter().filter(|&&at| at > 200).count() > 100,
            "{late:?}"
        );
    }
}
