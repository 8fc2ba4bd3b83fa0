//! `SiluGate`: the gated activation of the feed-forward.

use std::sync::Arc;

use ort::operator::{
    ComputeContext, Kernel, KernelContext, Operator, OperatorInput, OperatorOutput,
};
use ort::value::TensorElementType;

use super::Shared;
use super::context::{Input, OPTIONAL, Parts, REQUIRED, for_each, guarded, output};
use super::leftover::Leftover;
use crate::functions::silu_gate;

/// Columns that a thread takes at a time.
const COLUMNS: usize = 768;

/// Inputs: gate and up side by side, and the rows and leftovers of their matrix, if it has any.
/// Output: what goes down.
pub(crate) struct GateOperator {
    shared: Arc<Shared>,
}

impl GateOperator {
    pub(crate) const NAME: &str = "SiluGate";

    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

impl Operator for GateOperator {
    type Kernel<'attr> = GateKernel;

    fn name(&self) -> &str {
        Self::NAME
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        [REQUIRED, OPTIONAL, OPTIONAL]
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [OperatorOutput::required(TensorElementType::Float32)]
    }

    fn create_kernel<'attr>(&self, _: &KernelContext<'attr>) -> ort::Result<GateKernel> {
        Ok(GateKernel {
            shared: self.shared.clone(),
        })
    }
}

pub(crate) struct GateKernel {
    shared: Arc<Shared>,
}

impl Kernel for GateKernel {
    fn compute(&mut self, context: &ComputeContext) -> ort::Result<()> {
        guarded(|| self.gate(context))
    }
}

impl GateKernel {
    fn gate(&self, context: &ComputeContext) -> ort::Result<()> {
        let [both, rows, leftover] = [0, 1, 2].map(|index| Input::new(context, index));
        let (both, rows, leftover) = (both?, rows?, leftover?);
        let both = both.required()?;
        let tokens = self.shared.step().tokens().len();
        let width = both.len() / tokens / 2;
        let leftover = Leftover::new(rows.optional()?, leftover.optional()?, tokens, 2 * width);
        let mut out = output(context, 0, tokens, width)?;
        let out = Parts::new(out.try_extract_tensor_mut::<f32>()?.1);
        let (set, chunks) = (self.shared.set, width.div_ceil(COLUMNS));
        for_each(context, tokens * chunks, |task| {
            let (token, first) = (task / chunks, task % chunks * COLUMNS);
            let count = COLUMNS.min(width - first);
            // SAFETY: each task has columns of its own in a token's row.
            let out = unsafe { out.part(token * width + first, count) };
            let [gate, up] = [first, width + first]
                .map(|column| (column, &both[2 * token * width + column..][..count]));
            match leftover {
                None => silu_gate(set, gate.1, up.1, out),
                Some(leftover) => {
                    let mut whole = [[0.0; COLUMNS]; 2];
                    for (whole, (column, part)) in whole.iter_mut().zip([gate, up]) {
                        whole[..count].copy_from_slice(part);
                        leftover.add(set, token, column, &mut whole[..count]);
                    }
                    silu_gate(set, &whole[0][..count], &whole[1][..count], out);
                }
            }
        })
    }
}
