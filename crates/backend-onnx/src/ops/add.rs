//! `AddLeftover`: completes a product, where no other operator of ours follows.

use std::sync::Arc;

use ort::operator::{
    ComputeContext, Kernel, KernelContext, Operator, OperatorInput, OperatorOutput,
};
use ort::value::TensorElementType;

use super::Shared;
use super::context::{Input, Parts, REQUIRED, for_each, guarded, output};
use super::leftover::{Leftover, rows_in_task};

/// Columns that a thread takes at a time.
const COLUMNS: usize = 4_096;

/// Inputs: a product, and the rows and leftovers of its matrix. Output: the whole product.
pub(crate) struct AddOperator {
    shared: Arc<Shared>,
}

impl AddOperator {
    pub(crate) const NAME: &str = "AddLeftover";

    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

impl Operator for AddOperator {
    type Kernel<'attr> = AddKernel;

    fn name(&self) -> &str {
        Self::NAME
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        [REQUIRED, REQUIRED, REQUIRED]
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [OperatorOutput::required(TensorElementType::Float32)]
    }

    fn create_kernel<'attr>(&self, node: &KernelContext<'attr>) -> ort::Result<AddKernel> {
        let outputs = node
            .get::<i64>("outputs")
            .and_then(|count| usize::try_from(count).ok());
        let missing = || ort::Error::new("AddLeftover lacks the attribute `outputs`");
        Ok(AddKernel {
            shared: self.shared.clone(),
            outputs: outputs.filter(|&count| count > 0).ok_or_else(missing)?,
        })
    }
}

pub(crate) struct AddKernel {
    shared: Arc<Shared>,
    outputs: usize,
}

impl Kernel for AddKernel {
    fn compute(&mut self, context: &ComputeContext) -> ort::Result<()> {
        guarded(|| self.add(context))
    }
}

impl AddKernel {
    fn add(&self, context: &ComputeContext) -> ort::Result<()> {
        let [product, rows, leftover] = [0, 1, 2].map(|index| Input::new(context, index));
        let (product, rows, leftover) = (product?, rows?, leftover?);
        let (product, width) = (product.required()?, self.outputs);
        let count = product.len() / width;
        let leftover = Leftover::new(rows.optional()?, leftover.optional()?, count, width);
        let mut out = output(context, 0, count, width)?;
        let out = Parts::new(out.try_extract_tensor_mut::<f32>()?.1);
        let (chunks, together) = (width.div_ceil(COLUMNS), rows_in_task(count));
        for_each(context, count.div_ceil(together) * chunks, |task| {
            let (row, first) = (task / chunks * together, task % chunks * COLUMNS);
            let columns = first..width.min(first + COLUMNS);
            // SAFETY: each task has columns of its own in its rows.
            let mut out =
                unsafe { out.rows(row..count.min(row + together), width, columns.clone()) };
            for (out, product) in out.iter_mut().zip(product.chunks(width).skip(row)) {
                out.copy_from_slice(&product[columns.clone()]);
            }
            if let Some(leftover) = leftover {
                leftover.add(self.shared.set, row, first, &mut out);
            }
        })
    }
}
