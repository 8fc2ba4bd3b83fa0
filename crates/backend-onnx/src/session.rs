//! A graph, ready to run.

use std::ffi::CString;
use std::path::Path;
use std::sync::Arc;

use ort::operator::OperatorDomain;
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::value::{TensorRef, ValueRef};
use ort::{AsPointer, inputs};
use stream_checkpoint::Weights;

use crate::decoder::{HIDDEN, LOGITS, WANTED};
use crate::graph::{Data, Graph, Initializer};
use crate::library;
use crate::{LoadError, Spinning};

/// How a session runs.
pub(crate) struct Settings<'a> {
    pub(crate) library: Option<&'a Path>,
    pub(crate) threads: usize,
    pub(crate) spinning: Spinning,
}

/// A decoder that runs.
pub(crate) struct Decoder {
    session: Session,
    /// The memory that the session reads its constants from. It is dropped after the session.
    _memory: Vec<Data<'static>>,
    _weights: Arc<Weights>,
    width: usize,
}

impl Decoder {
    /// Hands a graph to ONNX Runtime. What it borrows belongs to `weights`.
    pub(crate) fn new(
        builder: SessionBuilder,
        graph: Graph<'_>,
        operators: OperatorDomain,
        weights: &Arc<Weights>,
        width: usize,
    ) -> Result<Self, LoadError> {
        let mut builder = builder.with_operators(operators)?;
        let model = graph.to_bytes();
        let constants = tensors(&graph)?;
        let names: Vec<_> = constants.iter().map(|(name, _)| name.as_ptr()).collect();
        let values: Vec<_> = constants.iter().map(|(_, tensor)| tensor.ptr()).collect();
        let add = ort::api().AddExternalInitializers;
        // SAFETY: names and values are alive for the call, and as many as it says. The memory that
        // the values stand for outlives the session: `Decoder` keeps what the graph owns, and the
        // weights that it borrows from, and drops them after it.
        unsafe {
            let options = builder.ptr_mut();
            let status = add(options, names.as_ptr(), values.as_ptr(), names.len());
            ort::Error::result_from_status(status)?;
        }
        let session = builder.commit_from_memory(&model)?;
        drop(constants);
        Ok(Self {
            session,
            _memory: graph.into_owned(),
            _weights: weights.clone(),
            width,
        })
    }

    /// Runs the graph over some rows of the residual stream, and calls `each` with the logits at
    /// the rows that are `wanted`.
    pub(crate) fn run<T>(
        &mut self,
        hidden: &[f32],
        wanted: &[i64],
        each: impl FnOnce(&mut [f32]) -> T,
    ) -> ort::Result<T> {
        let tokens = hidden.len() / self.width;
        let hidden = TensorRef::from_array_view(([tokens, self.width], hidden))?;
        let wanted = TensorRef::from_array_view(([wanted.len()], wanted))?;
        let mut outputs = self
            .session
            .run(inputs![HIDDEN => hidden, WANTED => wanted])?;
        let missing = || ort::Error::new("the graph gave no logits");
        let logits = outputs.get_mut(LOGITS).ok_or_else(missing)?;
        Ok(each(logits.try_extract_tensor_mut::<f32>()?.1))
    }
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder").finish_non_exhaustive()
    }
}

impl Settings<'_> {
    /// Loads the library, and begins a session of it.
    pub(crate) fn builder(&self) -> Result<SessionBuilder, LoadError> {
        let environment = library::environment(self.library)?;
        Ok(Session::builder(&environment)?
            .with_optimization_level(GraphOptimizationLevel::All)?
            .with_intra_threads(self.threads)?
            .with_intra_op_spinning(self.spinning == Spinning::On)?
            // Every step has another shape.
            .with_memory_pattern(false)?)
    }
}

/// The constants of a graph, in the memory where they lie, under their names.
type DynValueRef<'a> = ValueRef<'a, ort::value::DynValueTypeMarker>;

fn tensors<'a>(graph: &'a Graph<'_>) -> Result<Vec<(CString, DynValueRef<'a>)>, LoadError> {
    let one = |constant: &'a Initializer<'_>| {
        let shape = constant.dimensions().to_vec();
        let tensor = match constant.data() {
            Data::F32(numbers) => TensorRef::from_array_view((shape, &numbers[..]))?.into_dyn(),
            Data::U8(numbers) => TensorRef::from_array_view((shape, &numbers[..]))?.into_dyn(),
        };
        let name = CString::new(constant.name()).map_err(ort::Error::from)?;
        Ok((name, tensor))
    };
    graph.initializers().iter().map(one).collect()
}
