//! `AddNorm`: adds the result of a block to the residual stream and norms it for the next.

use std::sync::Arc;

use ort::operator::{
    ComputeContext, Kernel, KernelContext, Operator, OperatorInput, OperatorOutput,
};
use ort::value::TensorElementType;

use super::Shared;
use super::context::{Input, OPTIONAL, Parts, REQUIRED, for_each, guarded, output};
use super::leftover::{Leftover, rows_in_task};
use crate::functions::RmsNorm;

/// Inputs: the residual stream, the weight of the norm, and, if there is something to add: the
/// product to add, the rows and the leftovers of its matrix. Outputs: the residual stream, and the
/// same normed.
pub(crate) struct NormOperator {
    shared: Arc<Shared>,
    epsilon: f32,
}

impl NormOperator {
    pub(crate) const NAME: &str = "AddNorm";

    pub(super) fn new(shared: Arc<Shared>, epsilon: f32) -> Self {
        Self { shared, epsilon }
    }
}

impl Operator for NormOperator {
    type Kernel<'attr> = NormKernel;

    fn name(&self) -> &str {
        Self::NAME
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        [REQUIRED, REQUIRED, OPTIONAL, OPTIONAL, OPTIONAL]
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [(); 2].map(|()| OperatorOutput::required(TensorElementType::Float32))
    }

    fn create_kernel<'attr>(&self, _: &KernelContext<'attr>) -> ort::Result<NormKernel> {
        Ok(NormKernel {
            shared: self.shared.clone(),
            epsilon: self.epsilon,
        })
    }
}

pub(crate) struct NormKernel {
    shared: Arc<Shared>,
    epsilon: f32,
}

impl Kernel for NormKernel {
    fn compute(&mut self, context: &ComputeContext) -> ort::Result<()> {
        guarded(|| self.norm(context))
    }
}

impl NormKernel {
    fn norm(&self, context: &ComputeContext) -> ort::Result<()> {
        let inputs = [0, 1, 2, 3, 4].map(|index| Input::new(context, index));
        let [residual, weight, product, rows, leftover] = inputs;
        let (residual, weight, product) = (residual?, weight?, product?);
        let (rows, leftover) = (rows?, leftover?);
        let (residual, product) = (residual.required()?, product.optional()?);
        let norm = RmsNorm {
            weight: weight.required()?,
            epsilon: self.epsilon,
        };
        let width = norm.weight.len();
        let tokens = residual.len() / width;
        let leftover = Leftover::new(rows.optional()?, leftover.optional()?, tokens, width);
        let mut sums = output(context, 0, tokens, width)?;
        let mut normed = output(context, 1, tokens, width)?;
        let sums = Parts::new(sums.try_extract_tensor_mut::<f32>()?.1);
        let normed = Parts::new(normed.try_extract_tensor_mut::<f32>()?.1);
        let set = self.shared.set;
        let together = rows_in_task(tokens);
        for_each(context, tokens.div_ceil(together), |task| {
            let rows = task * together..tokens.min((task + 1) * together);
            // SAFETY: each task has rows of its own, in both.
            let (mut sums, normed) = unsafe {
                (
                    sums.rows(rows.clone(), width, 0..width),
                    normed.rows(rows.clone(), width, 0..width),
                )
            };
            for (token, sum) in rows.clone().zip(&mut sums) {
                sum.copy_from_slice(&residual[token * width..][..width]);
                if let Some(product) = product {
                    let product = &product[token * width..][..width];
                    sum.iter_mut().zip(product).for_each(|(sum, x)| *sum += x);
                }
            }
            if let Some(leftover) = leftover {
                leftover.add(set, rows.start, 0, &mut sums);
            }
            for (sum, normed) in sums.iter().zip(normed) {
                normed.copy_from_slice(sum);
                norm.apply(set, normed);
            }
        })
    }
}
