//! The metadata keys of a GGUF file that begin with its architecture's name.

use super::limits;
use crate::error::Fault;
use crate::gguf::{Metadata, missing};

/// The hyper-parameters of a file; names of keys as in `docs/gguf.md` of ggml and
/// `llama-arch.cpp` of llama.cpp.
#[derive(Clone, Copy)]
pub(super) struct Keys<'a> {
    pub(super) family: &'static str,
    pub(super) metadata: &'a Metadata<'a>,
}

impl Keys<'_> {
    /// The whole key.
    pub(super) fn key(&self, rest: &str) -> String {
        format!("{}.{rest}", self.family)
    }

    pub(super) fn fault(&self, rest: &str, problem: impl Into<String>) -> Fault {
        Fault::metadata(self.key(rest), problem)
    }

    pub(super) fn required(&self, rest: &str, most: u64) -> Result<usize, Fault> {
        self.optional(rest, most)?
            .ok_or_else(|| missing(&self.key(rest)))
    }

    /// An integer from 1 to `most`.
    pub(super) fn optional(&self, rest: &str, most: u64) -> Result<Option<usize>, Fault> {
        match self.metadata.integer(&self.key(rest), most)? {
            Some(0) => Err(self.fault(rest, format!("is 0, must be 1 to {most}"))),
            Some(n) => Ok(Some(n as usize)),
            None => Ok(None),
        }
    }

    /// A number above 0.
    pub(super) fn positive(&self, rest: &str) -> Result<Option<f64>, Fault> {
        match self.metadata.float(&self.key(rest))? {
            Some(value) if value > 0.0 => Ok(Some(value.into())),
            Some(value) => Err(self.fault(rest, format!("is {value}, must be above 0"))),
            None => Ok(None),
        }
    }

    /// A number at which something else than nothing would have to be computed.
    pub(super) fn refuse_unless(&self, rest: &str, harmless: f32) -> Result<(), Fault> {
        match self.metadata.float(&self.key(rest))? {
            Some(value) if value != harmless => {
                Err(Fault::feature(format!("`{}` = {value}", self.key(rest))))
            }
            _ => Ok(()),
        }
    }

    /// Positions, a token's own among them; 0 is no window.
    pub(super) fn window(&self) -> Result<Option<usize>, Fault> {
        let key = self.key("attention.sliding_window");
        let window = self.metadata.integer(&key, limits::CONTEXT)?;
        Ok(window.filter(|window| *window > 0).map(|n| n as usize))
    }
}
