//! What a graph wants and gives, recognised by its inputs and outputs.
//!
//! Two exporters write the same form: optimum, for transformers.js too, and the model builder of
//! onnxruntime-genai. `input_ids` and `attention_mask` (`[batch, tokens]`, the mask as long as past and
//! input together), in some graphs `position_ids`, and for each layer
//! `past_key_values.N.key` and `.value` (`[batch, heads, past, width]`); out come `logits`
//! (`[batch, tokens, vocabulary]`) and `present.N.key` and `.value`, the past with the input behind it.

use ort::session::Session;
use ort::value::{Outlet, TensorElementType};

use super::error::ExportError;

pub(super) const IDS: &str = "input_ids";
pub(super) const MASK: &str = "attention_mask";
pub(super) const POSITIONS: &str = "position_ids";
/// How many of the last tokens get logits; in exports for transformers.js.
pub(super) const WANTED: &str = "num_logits_to_keep";
pub(super) const LOGITS: &str = "logits";

/// A graph's form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) layers: usize,
    /// Heads of keys and values.
    pub(super) heads: usize,
    /// Of a head, where the graph says it.
    pub(super) width: Option<usize>,
    pub(super) vocabulary: Option<usize>,
    pub(super) takes_positions: bool,
    pub(super) takes_wanted: bool,
}

/// The two halves of a layer's cache.
pub(super) const PARTS: [&str; 2] = ["key", "value"];

pub(super) fn past(layer: usize, part: &str) -> String {
    format!("past_key_values.{layer}.{part}")
}

pub(super) fn present(layer: usize, part: &str) -> String {
    format!("present.{layer}.{part}")
}

impl Form {
    pub(super) fn of(session: &Session) -> Result<Self, ExportError> {
        Self::recognise(session.inputs(), session.outputs())
    }

    fn recognise(inputs: &[Outlet], outputs: &[Outlet]) -> Result<Self, ExportError> {
        let unfamiliar = |problem: String| ExportError::Unfamiliar {
            problem,
            found: names(inputs.iter().chain(outputs)),
        };
        let layers = (0..)
            .take_while(|&layer| has(inputs, &past(layer, PARTS[0])))
            .count();
        let known = |name: &str| {
            [IDS, MASK, POSITIONS, WANTED].contains(&name)
                || (0..layers).any(|layer| PARTS.iter().any(|part| past(layer, part) == name))
        };
        if let Some(input) = inputs.iter().find(|input| !known(input.name())) {
            return Err(unfamiliar(format!("`{}` is unknown", input.name())));
        }
        let mut needed = vec![(inputs, IDS.to_owned()), (inputs, MASK.to_owned())];
        needed.push((outputs, LOGITS.to_owned()));
        for layer in 0..layers.max(1) {
            needed.extend(PARTS.map(|part| (inputs, past(layer, part))));
            needed.extend(PARTS.map(|part| (outputs, present(layer, part))));
        }
        if let Some((_, name)) = needed.iter().find(|(among, name)| !has(among, name)) {
            return Err(unfamiliar(format!("`{name}` is missing")));
        }
        let numbers = [(inputs, past(0, PARTS[0])), (outputs, LOGITS.to_owned())];
        for (among, name) in &numbers {
            let found = element(among, name);
            if found != Some(TensorElementType::Float32) {
                let problem =
                    format!("`{name}` holds {found:?}, not Float32: take an export for the CPU");
                return Err(unfamiliar(problem));
            }
        }
        let heads = dimension(inputs, &past(0, PARTS[0]), 1);
        Ok(Self {
            layers,
            heads: heads
                .ok_or_else(|| unfamiliar("it does not say how many heads keys have".to_owned()))?,
            width: dimension(inputs, &past(0, PARTS[0]), 3),
            vocabulary: dimension(outputs, LOGITS, 2),
            takes_positions: has(inputs, POSITIONS),
            takes_wanted: has(inputs, WANTED),
        })
    }
}

fn find<'a>(among: &'a [Outlet], name: &str) -> Option<&'a Outlet> {
    among.iter().find(|outlet| outlet.name() == name)
}

fn has(among: &[Outlet], name: &str) -> bool {
    find(among, name).is_some()
}

fn element(among: &[Outlet], name: &str) -> Option<TensorElementType> {
    find(among, name)?.dtype().tensor_type()
}

/// A dimension of a tensor, where it is a number.
fn dimension(among: &[Outlet], name: &str, axis: usize) -> Option<usize> {
    let shape = find(among, name)?.dtype().tensor_shape()?;
    let size = shape.get(axis)?;
    usize::try_from(*size).ok().filter(|size| *size > 0)
}

fn names<'a>(outlets: impl Iterator<Item = &'a Outlet>) -> String {
    const MOST: usize = 12;
    let names: Vec<_> = outlets.map(Outlet::name).collect();
    match names.len() > MOST {
        true => format!(
            "{} and {} more",
            names[..MOST].join(", "),
            names.len() - MOST
        ),
        false => names.join(", "),
    }
}
