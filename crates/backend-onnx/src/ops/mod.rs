//! Operators of our own, which ONNX Runtime calls while it runs the graph.
//!
//! They do what its operators on the CPU cannot: attention of packed rows over a paged cache, and
//! what is left over of a quantised matrix (see [`crate::pack`]); the latter together with the
//! operation that follows, so that it costs no pass of its own.

mod add;
mod attention;
mod context;
mod gate;
mod leftover;
mod norm;

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use ort::operator::OperatorDomain;

pub(crate) use add::AddOperator;
pub(crate) use attention::{AttentionOperator, HeadShape};
pub(crate) use gate::GateOperator;
pub(crate) use norm::NormOperator;

use crate::attention::{KvCache, Step};
use crate::graph::OURS;
use crate::simd::InstructionSet;

/// What operators share with the model that runs them.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) set: InstructionSet,
    /// The step that runs; written between runs.
    pub(crate) step: RwLock<Step>,
    pub(crate) cache: KvCache,
}

impl Shared {
    /// The step that runs.
    pub(crate) fn step(&self) -> RwLockReadGuard<'_, Step> {
        self.step.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says what runs next.
    pub(crate) fn begin(&self, step: Step) {
        *self.step.write().unwrap_or_else(PoisonError::into_inner) = step;
    }
}

/// The operators of a model.
pub(crate) fn domain(
    attention: AttentionOperator,
    epsilon: f32,
    shared: &Arc<Shared>,
) -> ort::Result<OperatorDomain> {
    let gate = GateOperator::new(shared.clone());
    let norm = NormOperator::new(shared.clone(), epsilon);
    let add = AddOperator::new(shared.clone());
    OperatorDomain::new(OURS)?
        .add(attention)?
        .add(gate)?
        .add(norm)?
        .add(add)
}
