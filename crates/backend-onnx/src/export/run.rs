//! A graph with its session: runs the rows of a step, one after the other.

use std::borrow::Cow;

use ort::session::builder::SessionBuilder;
use ort::session::{Session, SessionInputValue, SessionOutputs};
use ort::value::Tensor;
use stream_runtime::Row;

use super::cache::Cache;
use super::files::Files;
use super::form::{self, Form, IDS, LOGITS, MASK, PARTS, POSITIONS, WANTED};
use crate::LoadError;

/// A graph, ready to run.
#[derive(Debug)]
pub(super) struct Graph {
    session: Session,
    pub(super) form: Form,
}

type Inputs = Vec<(Cow<'static, str>, SessionInputValue<'static>)>;

impl Graph {
    /// Hands a graph to ONNX Runtime, with the files that it wants.
    pub(super) fn new(mut builder: SessionBuilder, files: Files) -> Result<Self, LoadError> {
        for (name, bytes) in files.beside {
            builder = builder.with_external_initializer_file_in_memory(name, bytes)?;
        }
        let session = builder.commit_from_memory(&files.graph)?;
        let form = Form::of(&session)?;
        Ok(Self { session, form })
    }

    /// Runs one row, keeps its keys and values, and appends the logits at the positions that are
    /// to be sampled.
    pub(super) fn run(
        &mut self,
        row: &Row<'_>,
        cache: &mut Cache,
        width: usize,
        logits: &mut Vec<f32>,
    ) -> ort::Result<()> {
        let inputs = self.inputs(row, cache, width)?;
        let form = &self.form;
        let outputs = self.session.run(inputs)?;
        for layer in 0..form.layers {
            for (half, part) in PARTS.into_iter().enumerate() {
                let present = numbers(&outputs, &form::present(layer, part))?;
                let expected = form.heads * width * (row.start + row.tokens.len());
                if present.len() != expected {
                    let problem = "the graph gave keys or values of another size than it says";
                    return Err(ort::Error::new(problem));
                }
                cache.write(2 * layer + half, row.blocks, row.start, present);
            }
        }
        sampled(
            row,
            numbers(&outputs, LOGITS)?,
            self.form.takes_wanted,
            logits,
        )
    }

    fn inputs(&self, row: &Row<'_>, cache: &Cache, width: usize) -> ort::Result<Inputs> {
        let (past, count) = (row.start, row.tokens.len());
        let ids: Vec<_> = row.tokens.iter().map(|&id| i64::from(id)).collect();
        let mut inputs = vec![
            (Cow::Borrowed(IDS), whole([1, count], ids)?),
            (
                Cow::Borrowed(MASK),
                whole([1, past + count], vec![1; past + count])?,
            ),
        ];
        if self.form.takes_positions {
            let positions = (past..past + count)
                .map(|position| position as i64)
                .collect();
            inputs.push((Cow::Borrowed(POSITIONS), whole([1, count], positions)?));
        }
        if self.form.takes_wanted {
            let tensor = Tensor::from_array((Vec::<usize>::new(), vec![wanted(row) as i64]))?;
            inputs.push((Cow::Borrowed(WANTED), tensor.into()));
        }
        for layer in 0..self.form.layers {
            for (half, part) in PARTS.into_iter().enumerate() {
                let kept = cache.read(2 * layer + half, row.blocks, past);
                let shape = vec![1, self.form.heads, past, width];
                let tensor = Tensor::from_array((shape, kept))?;
                inputs.push((form::past(layer, part).into(), tensor.into()));
            }
        }
        Ok(inputs)
    }
}

fn whole(shape: [usize; 2], numbers: Vec<i64>) -> ort::Result<SessionInputValue<'static>> {
    Ok(Tensor::from_array((shape, numbers))?.into())
}

fn numbers<'a>(outputs: &'a SessionOutputs<'_>, name: &str) -> ort::Result<&'a [f32]> {
    let missing = || ort::Error::new(format!("the graph gave no {name}"));
    let output = outputs.get(name).ok_or_else(missing)?;
    Ok(output.try_extract_tensor::<f32>()?.1)
}

/// How many of a row's last tokens need logits; one at least, for graphs that take 0 for all.
fn wanted(row: &Row<'_>) -> usize {
    match row.sample.is_empty() {
        true => 1,
        false => row.tokens.len() - row.sample.start,
    }
}

/// Appends the logits at a row's sampled positions, of those of its last tokens or of all.
fn sampled(
    row: &Row<'_>,
    found: &[f32],
    only_wanted: bool,
    logits: &mut Vec<f32>,
) -> ort::Result<()> {
    let rows = match only_wanted {
        true => wanted(row),
        false => row.tokens.len(),
    };
    let (vocabulary, first) = (found.len() / rows, row.tokens.len() - rows);
    if row.sample.is_empty() {
        return Ok(());
    }
    let range = (row.sample.start - first) * vocabulary..(row.sample.end - first) * vocabulary;
    let wanted = found.get(range);
    logits.extend(wanted.ok_or_else(|| ort::Error::new("the graph gave too few logits"))?);
    Ok(())
}
