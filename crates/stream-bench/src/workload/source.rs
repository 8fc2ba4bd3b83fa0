//! Where prompts come from.

use super::dataset::Dataset;
use super::error::WorkloadProblem;
use super::trace::Trace;
use crate::lengths::Lengths;

/// Where the prompts come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// Random tokens, never the same twice.
    Synthetic {
        /// Tokens of a prompt.
        prompt: Lengths,
        /// Of these, so many at its beginning are the same in every prompt.
        shared_prefix: usize,
    },
    /// Prompts from a file, in the order of the seed, again from the first when all were asked.
    Dataset(Dataset),
    /// A trace, the same lines in every round.
    Trace(Trace),
}

impl Source {
    /// Leaves the length of every answer to
    /// [`Workload::new`](super::Workload::new), whatever the file says.
    pub fn forget_output_tokens(&mut self) {
        match self {
            Self::Synthetic { .. } => {}
            Self::Dataset(dataset) => {
                let samples = dataset.samples.iter_mut();
                samples.for_each(|sample| sample.output_tokens = None);
            }
            Self::Trace(trace) => {
                let arrivals = trace.arrivals.iter_mut();
                arrivals.for_each(|arrival| arrival.output_tokens = None);
            }
        }
    }

    pub(super) fn check(&self) -> Result<(), WorkloadProblem> {
        match self {
            Self::Synthetic {
                prompt,
                shared_prefix,
            } if *shared_prefix >= prompt.least() => Err(WorkloadProblem::PrefixTooLong {
                prefix: *shared_prefix,
                least: prompt.least(),
            }),
            Self::Dataset(dataset) if dataset.samples.is_empty() => Err(WorkloadProblem::Empty),
            Self::Trace(trace) if trace.arrivals.is_empty() => Err(WorkloadProblem::Empty),
            _ => Ok(()),
        }
    }
}
