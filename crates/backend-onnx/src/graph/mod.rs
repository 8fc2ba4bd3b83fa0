//! An ONNX graph under construction.

mod model;
mod proto;
mod tensor;

pub(crate) use tensor::{Data, Element, Initializer};

/// ONNX Runtime's own operators.
pub(crate) const MICROSOFT: &str = "com.microsoft";
/// Ours: see [`crate::ops`].
pub(crate) const OURS: &str = "stream.engine";

/// The name of a value in the graph; an empty one stands for an input that is left out.
pub(crate) type Name = String;

/// A graph under construction.
#[derive(Debug, Default)]
pub(crate) struct Graph<'a> {
    nodes: Vec<Node>,
    initializers: Vec<Initializer<'a>>,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
}

/// One call of an operator.
#[derive(Debug)]
struct Node {
    operator: &'static str,
    domain: &'static str,
    inputs: Vec<Name>,
    outputs: Vec<Name>,
    attributes: Vec<Attribute>,
}

/// A node's parameter: a name and a whole number.
pub(crate) type Attribute = (&'static str, i64);

/// What a graph takes or gives: the first dimension is open, the others are fixed.
#[derive(Debug)]
struct Port {
    name: &'static str,
    element: Element,
    open: &'static str,
    fixed: Vec<usize>,
}

impl<'a> Graph<'a> {
    /// A value that is fed: its first dimension is called `open`.
    pub(crate) fn input(
        &mut self,
        name: &'static str,
        element: Element,
        open: &'static str,
        fixed: &[usize],
    ) -> Name {
        self.inputs.push(Port {
            name,
            element,
            open,
            fixed: fixed.to_vec(),
        });
        name.to_owned()
    }

    /// Names a value that is fetched.
    pub(crate) fn output(&mut self, name: &'static str, open: &'static str, fixed: &[usize]) {
        self.outputs.push(Port {
            name,
            element: Element::F32,
            open,
            fixed: fixed.to_vec(),
        });
    }

    /// A constant.
    pub(crate) fn constant(&mut self, initializer: Initializer<'a>) -> Name {
        let name = initializer.name().to_owned();
        self.initializers.push(initializer);
        name
    }

    /// A call of an operator with one output, which gets the name `output`.
    pub(crate) fn node(
        &mut self,
        (domain, operator): (&'static str, &'static str),
        inputs: &[&str],
        output: &str,
        attributes: &[Attribute],
    ) -> Name {
        self.call((domain, operator), inputs, &[output], attributes);
        output.to_owned()
    }

    /// A call of an operator.
    pub(crate) fn call(
        &mut self,
        (domain, operator): (&'static str, &'static str),
        inputs: &[&str],
        outputs: &[&str],
        attributes: &[Attribute],
    ) {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        self.nodes.push(Node {
            operator,
            domain,
            inputs: names(inputs),
            outputs: names(outputs),
            attributes: attributes.to_vec(),
        });
    }

    /// The constants.
    pub(crate) fn initializers(&self) -> &[Initializer<'a>] {
        &self.initializers
    }

    /// The memory that the constants own.
    pub(crate) fn into_owned(self) -> Vec<Data<'static>> {
        let constants = self.initializers.into_iter();
        constants.filter_map(Initializer::into_owned).collect()
    }
}
