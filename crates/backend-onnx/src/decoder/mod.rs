//! The decoder as a graph, built from a description and its weights.

mod linear;

use stream_checkpoint::{Architecture, CheckpointError, LayerWeight, WeightId, Weights};

use crate::Precision;
use crate::graph::{Element, Graph, Initializer, Name, OURS};
use crate::ops::{AttentionOperator, GateOperator, NormOperator};
use linear::{Matrix, Product};

/// The rows of the residual stream that are fed: a row for each token of the step.
pub(crate) const HIDDEN: &str = "hidden";
/// Which of them reach the head.
pub(crate) const WANTED: &str = "wanted";
/// The logits of those.
pub(crate) const LOGITS: &str = "logits";

/// Builds a model's graph. Quantised matrices are laid out anew; numbers that lie in a file as
/// `f32` stay there.
pub(crate) fn build<'a>(
    architecture: &'a Architecture,
    weights: &'a Weights,
    precision: Precision,
) -> Result<Graph<'a>, CheckpointError> {
    let mut builder = Builder {
        graph: Graph::default(),
        architecture,
        weights,
        precision,
    };
    builder.decoder()?;
    Ok(builder.graph)
}

struct Builder<'a> {
    graph: Graph<'a>,
    architecture: &'a Architecture,
    weights: &'a Weights,
    precision: Precision,
}

/// The residual stream between two halves of a block.
struct Stream {
    residual: Name,
    /// What the last half found, not yet added.
    found: Option<Product>,
}

impl Builder<'_> {
    fn decoder(&mut self) -> Result<(), CheckpointError> {
        let a = self.architecture;
        let mut stream = Stream {
            residual: self
                .graph
                .input(HIDDEN, Element::F32, "tokens", &[a.hidden]),
            found: None,
        };
        let wanted = self.graph.input(WANTED, Element::I64, "wanted", &[]);
        for layer in 0..a.layers {
            self.attention(layer, &mut stream)?;
            self.feed_forward(layer, &mut stream)?;
        }
        let normed = self.norm(WeightId::OutputNorm, "output", &mut stream)?;
        let rows = self
            .graph
            .node(("", "Gather"), &[&normed, &wanted], "rows", &[]);
        let head = Matrix::plain(WeightId::OutputHead);
        let product = self.product("head", &rows, &[head])?;
        let logits = self.whole(product);
        self.graph.node(("", "Identity"), &[&logits], LOGITS, &[]);
        self.graph.output(LOGITS, "wanted", &[a.vocabulary]);
        Ok(())
    }

    /// The first half of a block.
    fn attention(&mut self, layer: usize, stream: &mut Stream) -> Result<(), CheckpointError> {
        use LayerWeight as W;
        let biases = self.architecture.biases;
        let id = |weight| WeightId::Layer(layer, weight);
        let matrix = |weight, bias, has: bool| Matrix {
            weight: id(weight),
            bias: has.then_some(id(bias)),
        };
        let at = |name: &str| format!("{layer}.{name}");
        let normed = self.norm(id(W::AttentionNorm), &at("attention"), stream)?;
        let three = [
            (W::Query, W::QueryBias),
            (W::Key, W::KeyBias),
            (W::Value, W::ValueBias),
        ]
        .map(|(weight, bias)| matrix(weight, bias, biases.query_key_value));
        let projected = self.product(&at("qkv"), &normed, &three)?;
        let norms = match self.architecture.qk_norm {
            true => [
                self.vector(id(W::QueryNorm), &at("query_norm"))?,
                self.vector(id(W::KeyNorm), &at("key_norm"))?,
            ],
            false => Default::default(),
        };
        let [value, rows, leftover] = projected.names();
        let attended = self.graph.node(
            (OURS, AttentionOperator::NAME),
            &[value, rows, leftover, &norms[0], &norms[1]],
            &at("attended"),
            &[("layer", layer as i64)],
        );
        let out = matrix(
            W::AttentionOutput,
            W::AttentionOutputBias,
            biases.attention_output,
        );
        stream.found = Some(self.product(&at("attention_output"), &attended, &[out])?);
        Ok(())
    }

    /// The second half of a block.
    fn feed_forward(&mut self, layer: usize, stream: &mut Stream) -> Result<(), CheckpointError> {
        use LayerWeight as W;
        let id = |weight| WeightId::Layer(layer, weight);
        let has_bias = self.architecture.biases.feed_forward;
        let matrix = |weight, bias| Matrix {
            weight: id(weight),
            bias: has_bias.then_some(id(bias)),
        };
        let at = |name: &str| format!("{layer}.{name}");
        let normed = self.norm(id(W::FeedForwardNorm), &at("feed_forward"), stream)?;
        let two = [matrix(W::Gate, W::GateBias), matrix(W::Up, W::UpBias)];
        let both = self.product(&at("gate_up"), &normed, &two)?;
        let gate = (OURS, GateOperator::NAME);
        let gated = self.graph.node(gate, &both.names(), &at("gated"), &[]);
        let down = matrix(W::Down, W::DownBias);
        stream.found = Some(self.product(&at("down"), &gated, &[down])?);
        Ok(())
    }

    /// Adds what was found to the residual stream, and norms it.
    fn norm(
        &mut self,
        weight: WeightId,
        name: &str,
        stream: &mut Stream,
    ) -> Result<Name, CheckpointError> {
        let weight = self.vector(weight, &format!("{name}_norm"))?;
        let found = stream.found.take();
        let [value, rows, leftover] = found.as_ref().map_or([""; 3], Product::names);
        let [residual, normed] = ["residual", "normed"].map(|what| format!("{name}_{what}"));
        let inputs = [&stream.residual, weight.as_str(), value, rows, leftover];
        let outputs: [&str; 2] = [&residual, &normed];
        self.graph
            .call((OURS, NormOperator::NAME), &inputs, &outputs, &[]);
        stream.residual = residual;
        Ok(normed)
    }

    /// A vector of numbers as a constant.
    fn vector(&mut self, id: WeightId, name: &str) -> Result<Name, CheckpointError> {
        let numbers = self.weights.get(id)?.to_f32();
        let constant = Initializer::f32(name, &[numbers.len()], numbers);
        Ok(self.graph.constant(constant))
    }
}
