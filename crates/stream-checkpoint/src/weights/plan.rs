//! Which tensor of a model's files is which weight, and whether all fit.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::{TensorInfo, TensorTable, WeightId};
use crate::architecture::Architecture;
use crate::error::{Fault, TensorProblem};
use crate::format::TensorFormat;

/// A tensor that was found and fits.
#[derive(Debug)]
pub(super) struct Tensor {
    pub(super) name: Box<str>,
    pub(super) shape: (usize, usize),
    pub(super) format: TensorFormat,
    pub(super) file: usize,
    pub(super) range: Range<usize>,
}

/// Which tensor of a model's files is which weight.
#[derive(Debug)]
pub(crate) struct WeightPlan {
    pub(super) tensors: HashMap<WeightId, Tensor>,
}

impl WeightPlan {
    /// Finds every weight of `architecture`, whose tensors are called what `name_of` says.
    /// Fails with everything that is missing, of another shape, of an unknown format or without
    /// a place.
    pub(crate) fn new(
        architecture: &Architecture,
        file: &TensorTable,
        name_of: impl Fn(WeightId) -> String,
    ) -> Result<Self, Fault> {
        let mut problems = Vec::new();
        let mut tensors = HashMap::new();
        for id in WeightId::all(architecture) {
            let shape = id.shape(architecture);
            match find(file, name_of(id), shape) {
                Ok(tensor) => _ = tensors.insert(id, tensor),
                Err(problem) => problems.push(problem),
            }
        }
        problems.extend(unexpected(&tensors, &problems, file));
        match problems.is_empty() {
            true => Ok(Self { tensors }),
            false => Err(Fault::Tensors(problems)),
        }
    }
}

fn find(file: &TensorTable, name: String, shape: (usize, usize)) -> Result<Tensor, TensorProblem> {
    let Some(info) = file.get(&name) else {
        return Err(TensorProblem::Missing { name });
    };
    if !has_shape(info, shape) {
        return Err(TensorProblem::Shape {
            name,
            found: info.shape.clone(),
            expected: expected_shape(shape),
        });
    }
    match &info.format {
        Ok(format) => Ok(Tensor {
            name: name.into(),
            shape,
            format: *format,
            file: info.file,
            range: info.range.clone(),
        }),
        Err(format) => Err(TensorProblem::Format {
            name,
            format: format.clone(),
            known: TensorFormat::ALL.map(TensorFormat::name).to_vec(),
        }),
    }
}

/// Outer dimensions of 1 do not matter: tools differ in whether they write them.
fn has_shape(info: &TensorInfo, (rows, columns): (usize, usize)) -> bool {
    let (last, outer) = match info.shape.split_last() {
        Some((last, outer)) => (*last, outer),
        None => return false,
    };
    let found_rows: u64 = outer.iter().product();
    last == columns as u64 && found_rows == rows as u64
}

fn expected_shape((rows, columns): (usize, usize)) -> Vec<u64> {
    match rows {
        1 => vec![columns as u64],
        rows => vec![rows as u64, columns as u64],
    }
}

/// The tensors of the file that are no weight of the architecture.
fn unexpected(
    found: &HashMap<WeightId, Tensor>,
    problems: &[TensorProblem],
    file: &TensorTable,
) -> Vec<TensorProblem> {
    let known: HashSet<&str> = found
        .values()
        .map(|tensor| &*tensor.name)
        .chain(problems.iter().map(TensorProblem::name))
        .collect();
    let mut names: Vec<_> = file.names().filter(|name| !known.contains(name)).collect();
    names.sort_unstable();
    names
        .into_iter()
        .map(|name| TensorProblem::Unexpected {
            name: name.to_owned(),
        })
        .collect()
}
