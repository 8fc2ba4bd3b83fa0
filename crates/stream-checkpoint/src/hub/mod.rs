//! Models named by where the Hugging Face hub keeps them.
//!
//! [`ModelReference`] says what a name means; it needs no network and is always compiled.
//! [`locate`] turns a [`HubReference`] into a file or folder of this machine: from the cache that
//! Python's `huggingface_hub` uses too, and from the hub what is missing there. That needs the
//! Cargo feature `hub`; without it [`locate`] gives [`HubError::NotCompiled`].
//!
//! Of the crate `hf-hub` the layout of the cache and the call for a repository's files are taken.
//! Its own downloads trust the server too far (version 0.5 sends the token along to the host that
//! a file is redirected to; 1.0 stores whatever body comes, under whatever name the server
//! gives, and asks for a file's hash behind the redirect, where it is not told), so files are
//! fetched here: to a name of their own, resumed, and renamed only when length and hash are right.

mod config;
mod error;
mod name;
mod progress;
mod reference;

#[cfg(feature = "hub")]
mod fetch;
#[cfg(not(feature = "hub"))]
#[path = "absent.rs"]
mod fetch;

use std::path::PathBuf;

pub use config::{HubConfig, Token};
pub use error::HubError;
pub use progress::Progress;
pub use reference::{
    FORMS, HubReference, ModelReference, ReferenceError, ReferenceProblem, Wanted,
};

/// Whether the feature `hub` is compiled in.
pub const COMPILED: bool = fetch::COMPILED;

/// The file or folder that a reference names, on this machine; fetched if it is not there.
///
/// A folder gives what a model is read from: its configuration, tokenizer, chat template and
/// safetensors files. With [`HubConfig::offline`], and when the hub cannot be reached, it comes
/// from the cache alone. A revision that is a whole commit hash never changes, so one that is
/// cached whole is not asked for again.
///
/// # Errors
/// See [`HubError`]. A download that broke off is kept, and goes on with the next call.
pub fn locate(
    reference: &HubReference,
    config: &HubConfig,
    progress: &mut dyn Progress,
) -> Result<PathBuf, HubError> {
    fetch::locate(reference, config, progress)
}
