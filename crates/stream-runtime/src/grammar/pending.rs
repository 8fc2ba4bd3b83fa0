//! A mask that is still being worked out.

use std::sync::OnceLock;

use super::{MatchError, TokenMask};

/// The mask for a choice, worked out by another thread while the model computes the logits.
#[derive(Debug, Default)]
pub struct PendingMask {
    outcome: OnceLock<Outcome>,
}

/// What may follow, or why nobody knows.
pub(crate) type Outcome = Result<Following, MatchError>;

/// What may be chosen next.
#[derive(Debug, Clone, Default)]
pub(crate) struct Following {
    pub(crate) mask: TokenMask,
    /// The text is complete, and nothing can be added to it.
    pub(crate) complete: bool,
}

impl PendingMask {
    /// A mask that is there already.
    pub fn ready(mask: TokenMask) -> Self {
        let following = Following {
            mask,
            complete: false,
        };
        Self {
            outcome: OnceLock::from(Ok(following)),
        }
    }

    /// Waits for the mask. `None` if the grammar failed: then nothing may be chosen.
    pub fn wait(&self) -> Option<&TokenMask> {
        self.outcome().as_ref().ok().map(|next| &next.mask)
    }

    pub(crate) fn outcome(&self) -> &Outcome {
        self.outcome.wait()
    }

    /// Whoever has the job does it once.
    pub(crate) fn set(&self, outcome: Outcome) {
        let _ = self.outcome.set(outcome);
    }
}
