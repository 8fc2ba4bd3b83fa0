//! Which files beside it an ONNX model wants to be opened: the `location` of every tensor whose data
//! is external, wherever in the model the tensor is.
//!
//! The numbers of fields are those of `onnx.proto3` in <https://github.com/onnx/onnx>.

use super::wire::{Damaged, Field, Fields};

/// Graphs in attributes of graphs, deeper than any export has them.
const MOST_NESTED: usize = 32;

/// The place of a tensor's data in another file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct External {
    pub(super) tensor: String,
    pub(super) location: String,
    /// The first byte.
    pub(super) offset: u64,
    /// How many; left out, as many as the tensor's shape says.
    pub(super) length: Option<u64>,
}

/// A kind of message that a tensor can be in: its fields that lead to one, and of what kind they are.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Model,
    Graph,
    Node,
    Attribute,
    Function,
    Training,
    SparseTensor,
    Tensor,
}

impl Kind {
    fn leads_to(self) -> &'static [(u64, Kind)] {
        match self {
            Self::Model => &[(7, Self::Graph), (20, Self::Training), (25, Self::Function)],
            Self::Graph => &[(1, Self::Node), (5, Self::Tensor), (15, Self::SparseTensor)],
            Self::Node => &[(5, Self::Attribute)],
            Self::Attribute => &[
                (5, Self::Tensor),
                (6, Self::Graph),
                (10, Self::Tensor),
                (11, Self::Graph),
                (22, Self::SparseTensor),
                (23, Self::SparseTensor),
            ],
            Self::Function => &[(7, Self::Node), (11, Self::Attribute)],
            Self::Training => &[(1, Self::Graph), (2, Self::Graph)],
            Self::SparseTensor => &[(1, Self::Tensor), (2, Self::Tensor)],
            Self::Tensor => &[],
        }
    }
}

/// Every tensor of a model whose data is in another file.
pub(super) fn all(model: &[u8]) -> Result<Vec<External>, Damaged> {
    let mut found = Vec::new();
    walk(model, Kind::Model, 0, &mut found)?;
    Ok(found)
}

fn walk(
    message: &[u8],
    kind: Kind,
    depth: usize,
    found: &mut Vec<External>,
) -> Result<(), Damaged> {
    if depth > MOST_NESTED {
        return Err(Damaged);
    }
    if let Kind::Tensor = kind {
        found.extend(tensor(message)?);
        return Ok(());
    }
    for field in Fields(message) {
        let (number, Field::Bytes(inner)) = field? else {
            continue;
        };
        let leads = kind.leads_to().iter().find(|(leads, _)| *leads == number);
        if let Some((_, kind)) = leads {
            walk(inner, *kind, depth + 1, found)?;
        }
    }
    Ok(())
}

/// A tensor's `external_data`, if it has any: whether it says that its data is external or not.
fn tensor(message: &[u8]) -> Result<Option<External>, Damaged> {
    let mut external = External::default();
    let mut any = false;
    for field in Fields(message) {
        match field? {
            (8, Field::Bytes(name)) => external.tensor = text(name)?,
            (13, Field::Bytes(entry)) => {
                any = true;
                entry_of(entry, &mut external)?;
            }
            (14, Field::Integer(place)) => any |= place != 0,
            _ => {}
        }
    }
    Ok(any.then_some(external))
}

fn entry_of(entry: &[u8], external: &mut External) -> Result<(), Damaged> {
    let (mut key, mut value) = (String::new(), String::new());
    for field in Fields(entry) {
        match field? {
            (1, Field::Bytes(bytes)) => key = text(bytes)?,
            (2, Field::Bytes(bytes)) => value = text(bytes)?,
            _ => {}
        }
    }
    let number = |value: &str| value.parse::<u64>().map_err(|_| Damaged);
    match key.as_str() {
        "location" => external.location = value,
        "offset" => external.offset = number(&value)?,
        "length" => external.length = Some(number(&value)?),
        _ => {}
    }
    Ok(())
}

fn text(bytes: &[u8]) -> Result<String, Damaged> {
    String::from_utf8(bytes.to_vec()).map_err(|_| Damaged)
}
