//! What can go wrong in a step.

use std::time::Duration;

use stream_core::TokenId;
use stream_runtime::{ModelError, Next};

/// What goes wrong in a step. The work of the step has been done by then, so that whatever
/// keeps something of it can be found out.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// `launch` panics.
    PanicInLaunch,
    /// `collect` panics.
    PanicInCollect,
    /// `launch` gives an error.
    ErrorInLaunch,
    /// `collect` gives an error.
    ErrorInCollect,
    /// `launch` says that there was not memory enough.
    OutOfMemory,
    /// The last outcome is missing.
    OneTooFew,
    /// There is an outcome that nobody asked for.
    OneTooMany,
    /// The first outcome is a token that the model does not have.
    IdOutsideVocabulary,
    /// The row with this number has no finite logit; the last one, if there are fewer.
    NotANumber(usize),
    /// The step does not end before [`Control::open`](super::Control::open).
    Hang,
    /// The step takes so long.
    Slow(Duration),
    /// The step's outcomes, one for each task of each row, are changed so.
    Edit(fn(&mut Vec<Next>)),
}

impl Fault {
    pub(super) fn at_launch(&self) -> Result<(), ModelError> {
        match self {
            Self::PanicInLaunch => panic!("launch panics"),
            Self::ErrorInLaunch => Err(ModelError::new("launch fails")),
            Self::OutOfMemory => Err(ModelError::out_of_memory("out of memory")),
            Self::Slow(time) => {
                std::thread::sleep(*time);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Row `i` has the outcomes before `ends[i]`, after those of row `i - 1`.
    pub(super) fn at_collect(
        &self,
        outcomes: &mut Vec<Next>,
        ends: &[usize],
        vocabulary: usize,
    ) -> Result<(), ModelError> {
        match self {
            Self::PanicInCollect => panic!("collect panics"),
            Self::ErrorInCollect => return Err(ModelError::new("collect fails")),
            Self::OneTooFew => drop(outcomes.pop()),
            Self::OneTooMany => outcomes.push(Next::Token(0.into())),
            Self::IdOutsideVocabulary => {
                let unknown = Next::Token((vocabulary as TokenId).into());
                outcomes.splice(..outcomes.len().min(1), [unknown]);
            }
            Self::NotANumber(row) => {
                let end = ends.get(*row).or(ends.last()).copied().unwrap_or(0);
                let last = outcomes.get_mut(..end).and_then(<[_]>::last_mut);
                last.into_iter()
                    .for_each(|next| *next = Next::NoFiniteLogit);
            }
            Self::Edit(edit) => edit(outcomes),
            _ => {}
        }
        Ok(())
    }
}
