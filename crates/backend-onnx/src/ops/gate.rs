//! `SiluGate`: the gated activation of the feed-forward.

use std::ops::Range;
use std::sync::Arc;

use ort::operator::{
    ComputeContext, Kernel, KernelContext, Operator, OperatorInput, OperatorOutput,
};
use ort::value::TensorElementType;

use super::Shared;
use super::context::{Input, OPTIONAL, Parts, REQUIRED, for_each, guarded, output};
use super::leftover::{Leftover, rows_in_task};
use crate::functions::silu_gate;
use crate::simd::InstructionSet;

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

/// Columns of some rows of a product, row after row, with what is left over.
fn whole(
    set: InstructionSet,
    product: &[f32],
    width: usize,
    leftover: Option<Leftover<'_>>,
    rows: Range<usize>,
    columns: Range<usize>,
) -> Vec<f32> {
    let parts = rows
        .clone()
        .map(|row| &product[row * width..][columns.clone()]);
    let mut whole = parts.collect::<Vec<_>>().concat();
    if let Some(leftover) = leftover {
        let mut parts: Vec<_> = whole.chunks_mut(columns.len()).collect();
        leftover.add(set, rows.start, columns.start, &mut parts);
    }
    whole
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
        let together = rows_in_task(tokens);
        for_each(context, tokens.div_ceil(together) * chunks, |task| {
            let (first, column) = (task / chunks * together, task % chunks * COLUMNS);
            let rows = first..tokens.min(first + together);
            let columns = column..width.min(column + COLUMNS);
            // SAFETY: each task has columns of its own in its rows.
            let out = unsafe { out.rows(rows.clone(), width, columns.clone()) };
            let [gate, up] = [column, width + column].map(|column| {
                let columns = column..column + columns.len();
                whole(set, both, 2 * width, leftover, rows.clone(), columns)
            });
            let pairs = gate.chunks(columns.len()).zip(up.chunks(columns.len()));
            for (out, (gate, up)) in out.into_iter().zip(pairs) {
                silu_gate(set, gate, up, out);
            }
        })
    }
}
