//! Products of rows with matrices of weights.

use std::borrow::Cow;

use stream_checkpoint::{CheckpointError, TensorFormat, TensorView, WeightId};

use super::Builder;
use crate::Precision;
use crate::graph::{Initializer, MICROSOFT, Name, OURS};
use crate::ops::AddOperator;
use crate::pack::{Form, Packed};

/// A matrix of weights, with what is added to its outputs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Matrix {
    pub(super) weight: WeightId,
    pub(super) bias: Option<WeightId>,
}

impl Matrix {
    pub(super) fn plain(weight: WeightId) -> Self {
        Self { weight, bias: None }
    }
}

/// A product that may lack what its matrix leaves over: see [`crate::pack`].
#[derive(Debug)]
pub(super) struct Product {
    value: Name,
    outputs: usize,
    /// The rows that were multiplied, and the leftovers.
    lacks: Option<[Name; 2]>,
}

impl Product {
    /// The product, its rows and its leftovers, as our operators take them.
    pub(super) fn names(&self) -> [&str; 3] {
        match &self.lacks {
            Some([rows, leftover]) => [&self.value, rows, leftover],
            None => [&self.value, "", ""],
        }
    }
}

impl Builder<'_> {
    /// The products of `rows` with some matrices, side by side; in one call if they can be one.
    pub(super) fn product(
        &mut self,
        name: &str,
        rows: &str,
        matrices: &[Matrix],
    ) -> Result<Product, CheckpointError> {
        let weights = self.weights;
        let views = matrices.iter().map(|matrix| weights.get(matrix.weight));
        let views = views.collect::<Result<Vec<_>, _>>()?;
        let mut forms = views.iter().map(|view| self.form(view));
        let first = forms.next().flatten();
        match first.filter(|&first| forms.all(|form| form == Some(first))) {
            Some(form) => {
                let product = self.quantised(name, rows, form, &views);
                self.biased(name, product, matrices)
            }
            None => self.side_by_side(name, rows, matrices, &views),
        }
    }

    /// A product with nothing left over.
    pub(super) fn whole(&mut self, product: Product) -> Name {
        if product.lacks.is_none() {
            return product.value;
        }
        let outputs = [("outputs", product.outputs as i64)];
        let name = format!("{}.whole", product.value);
        self.graph
            .node((OURS, AddOperator::NAME), &product.names(), &name, &outputs)
    }

    fn form(&self, view: &TensorView<'_>) -> Option<Form> {
        match self.precision {
            Precision::Native | Precision::Exact => Form::of(view),
            Precision::F32 => None,
        }
    }

    /// Matrices that cannot be one: each by itself.
    fn side_by_side(
        &mut self,
        name: &str,
        rows: &str,
        matrices: &[Matrix],
        views: &[TensorView<'_>],
    ) -> Result<Product, CheckpointError> {
        let mut parts = Vec::new();
        for (number, (matrix, view)) in matrices.iter().zip(views).enumerate() {
            let name = format!("{name}.{number}");
            let product = match self.form(view) {
                Some(form) => self.quantised(&name, rows, form, &[*view]),
                None => self.numbers(&name, rows, matrix.weight)?,
            };
            let product = self.biased(&name, product, &[*matrix])?;
            parts.push(self.whole(product));
        }
        let value = match &parts[..] {
            [only] => only.clone(),
            several => {
                let parts: Vec<_> = several.iter().map(String::as_str).collect();
                let columns = [("axis", 1)];
                self.graph.node(("", "Concat"), &parts, name, &columns)
            }
        };
        Ok(Product {
            value,
            outputs: views.iter().map(|view| view.shape().0).sum(),
            lacks: None,
        })
    }

    /// The product with quantised matrices of one form.
    fn quantised(
        &mut self,
        name: &str,
        rows: &str,
        form: Form,
        views: &[TensorView<'_>],
    ) -> Product {
        let packed = Packed::new(form, views);
        let (outputs, inputs) = (packed.outputs, packed.inputs);
        let groups = inputs / packed.group;
        let at = |what: &str| format!("{name}.{what}");
        let int = |number: usize| number as i64;
        let bytes = packed.group * packed.bits / 8;
        let codes = Initializer::u8(at("codes"), &[outputs, groups, bytes], packed.codes);
        let codes = self.graph.constant(codes);
        let scales = Initializer::f32(at("scales"), &[outputs * groups], packed.scales);
        let scales = self.graph.constant(scales);
        let zeros = packed.zeros.map(|zeros| {
            let zeros = Initializer::u8(at("zeros"), &[zeros.len()], zeros);
            self.graph.constant(zeros)
        });
        let leftover = packed.leftover.map(|leftover| {
            let shape = [leftover.len()];
            let leftover = Initializer::f32(at("leftover"), &shape, leftover);
            self.graph.constant(leftover)
        });
        let attributes = [
            ("K", int(inputs)),
            ("N", int(outputs)),
            ("bits", int(packed.bits)),
            ("block_size", int(packed.group)),
            ("accuracy_level", self.precision.accuracy_level()),
        ];
        let mut operands = vec![rows, &codes, &scales];
        operands.extend(zeros.as_deref());
        let operator = (MICROSOFT, "MatMulNBits");
        Product {
            value: self.graph.node(operator, &operands, name, &attributes),
            outputs,
            lacks: leftover.map(|leftover| [rows.to_owned(), leftover]),
        }
    }

    /// The product with a matrix of numbers.
    fn numbers(
        &mut self,
        name: &str,
        rows: &str,
        weight: WeightId,
    ) -> Result<Product, CheckpointError> {
        let weights = self.weights;
        let view = weights.get(weight)?;
        let (outputs, inputs) = view.shape();
        let numbers = Initializer::f32(format!("{name}.weight"), &[outputs, inputs], numbers(view));
        let numbers = self.graph.constant(numbers);
        let transposed = [("transB", 1)];
        Ok(Product {
            value: self
                .graph
                .node(("", "Gemm"), &[rows, &numbers], name, &transposed),
            outputs,
            lacks: None,
        })
    }

    /// Adds the biases of some matrices, if they have any, to their product.
    fn biased(
        &mut self,
        name: &str,
        product: Product,
        matrices: &[Matrix],
    ) -> Result<Product, CheckpointError> {
        let biases = matrices.iter().filter_map(|matrix| matrix.bias);
        let biases = biases.map(|bias| Ok(self.weights.get(bias)?.to_f32()));
        let biases = biases
            .collect::<Result<Vec<_>, CheckpointError>>()?
            .concat();
        if biases.is_empty() {
            return Ok(product);
        }
        let bias = Initializer::f32(format!("{name}.bias"), &[biases.len()], biases);
        let bias = self.graph.constant(bias);
        let sum = format!("{name}.biased");
        Ok(Product {
            value: self
                .graph
                .node(("", "Add"), &[&product.value, &bias], &sum, &[]),
            ..product
        })
    }
}

/// A tensor's numbers, where they lie if they can be read there.
fn numbers(view: TensorView<'_>) -> Cow<'_, [f32]> {
    if view.format() == TensorFormat::F32 && cfg!(target_endian = "little") {
        // SAFETY: any four bytes are an `f32`.
        let (before, numbers, after) = unsafe { view.bytes().align_to::<f32>() };
        if before.is_empty() && after.is_empty() {
            return Cow::Borrowed(numbers);
        }
    }
    Cow::Owned(view.to_f32())
}
