//! What a model's name means.

use std::ffi::OsStr;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::name::{is_file_path, is_quantisation, is_repo_part, is_revision};
use crate::default_model;

/// The forms of a model reference, for help texts and errors.
pub const FORMS: &str = "a path, hf:OWNER/REPO, hf:OWNER/REPO@REVISION, hf:OWNER/REPO/FILE.gguf, \
     hf:OWNER/REPO@REVISION/FILE.gguf or OWNER/REPO:QUANTISATION";

/// The revision that is meant where none is named.
const MAIN: &str = "main";

/// A model, as a person names it.
///
/// ```
/// use stream_checkpoint::hub::{ModelReference, Wanted};
///
/// let ModelReference::Hub(reference) = ModelReference::parse("hf:org/repo@v1/q/m.gguf")? else {
///     panic!("it is on the hub");
/// };
/// assert_eq!(reference.repo(), "org/repo");
/// assert_eq!(reference.revision(), "v1");
/// assert_eq!(reference.wanted(), &Wanted::File("q/m.gguf".to_owned()));
/// # Ok::<(), stream_checkpoint::hub::ReferenceError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelReference {
    /// The default model, by its [name](crate::default_model::NAME).
    Default,
    /// A file or folder of this machine, whether it is there or not.
    Path(PathBuf),
    /// A repository of the hub, or a file in one.
    Hub(HubReference),
}

impl ModelReference {
    /// Reads one of the [`FORMS`], or the default model's name. What begins with `hf:` is always
    /// the hub's. Anything else is a path if something is there, and if nothing is there but it
    /// looks like no other form.
    ///
    /// # Errors
    /// If it looks like a name on the hub, but is none that is allowed, or is empty.
    pub fn parse(given: impl AsRef<OsStr>) -> Result<Self, ReferenceError> {
        let given = given.as_ref();
        let path = || Self::Path(PathBuf::from(given));
        // A name that is no Unicode can only be a path.
        let Some(text) = given.to_str() else {
            return Ok(path());
        };
        if text.is_empty() {
            return Err(ReferenceError::new(text, ReferenceProblem::Empty));
        }
        if text.starts_with(PREFIX) {
            return text.parse().map(Self::Hub);
        }
        match () {
            () if PathBuf::from(given).exists() => Ok(path()),
            () if text == default_model::NAME => Ok(Self::Default),
            () if names_quantisation(text) => text.parse().map(Self::Hub),
            () => Ok(path()),
        }
    }
}

const PREFIX: &str = "hf:";

/// Whether the part before the first colon is `OWNER/REPO`.
fn names_quantisation(text: &str) -> bool {
    let repo = text
        .split_once(':')
        .and_then(|(repo, _)| repo.split_once('/'));
    repo.is_some_and(|(owner, name)| {
        let (name, _) = name.split_once('@').unwrap_or((name, MAIN));
        is_repo_part(owner) && is_repo_part(name)
    })
}

/// What is wanted of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// All that a model is read from.
    Model,
    /// One file, by its path in the repository.
    File(String),
    /// The one GGUF file whose name holds this quantisation.
    Quantisation(String),
}

/// A repository of the hub at a revision, and what of it is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubReference {
    repo: String,
    revision: String,
    wanted: Wanted,
}

impl HubReference {
    /// `OWNER/REPO`.
    pub fn repo(&self) -> &str {
        &self.repo
    }

    /// A branch, a tag or a commit; `main` where none was named.
    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// What of the repository is wanted.
    pub fn wanted(&self) -> &Wanted {
        &self.wanted
    }
}

impl FromStr for HubReference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let named = text.strip_prefix(PREFIX).unwrap_or(text);
        read(named).map_err(|problem| ReferenceError::new(text, problem))
    }
}

/// `OWNER/REPO[@REVISION][/FILE | :QUANTISATION]`.
fn read(named: &str) -> Result<HubReference, ReferenceProblem> {
    let (place, quantisation) = match named.split_once(':') {
        Some((place, quantisation)) => (place, Some(quantisation)),
        None => (named, None),
    };
    let mut parts = place.splitn(3, '/');
    let owner = parts.next().unwrap_or_default();
    let name = parts.next().ok_or(ReferenceProblem::Repository)?;
    let (name, revision) = name.split_once('@').unwrap_or((name, MAIN));
    if !(is_repo_part(owner) && is_repo_part(name)) {
        return Err(ReferenceProblem::Repository);
    }
    if !is_revision(revision) {
        return Err(ReferenceProblem::Revision);
    }
    Ok(HubReference {
        repo: format!("{owner}/{name}"),
        revision: revision.to_owned(),
        wanted: wanted(parts.next(), quantisation)?,
    })
}

fn wanted(file: Option<&str>, quantisation: Option<&str>) -> Result<Wanted, ReferenceProblem> {
    match (file, quantisation) {
        (None, None) => Ok(Wanted::Model),
        (None, Some(text)) if is_quantisation(text) => Ok(Wanted::Quantisation(text.to_owned())),
        (None, Some(_)) => Err(ReferenceProblem::Quantisation),
        (Some(path), None) if is_file_path(path) => Ok(Wanted::File(path.to_owned())),
        (Some(_), _) => Err(ReferenceProblem::File),
    }
}

/// The shortest form that means the same.
impl fmt::Display for HubReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.repo)?;
        if self.revision != MAIN {
            write!(f, "@{}", self.revision)?;
        }
        match &self.wanted {
            Wanted::Model => Ok(()),
            Wanted::File(path) => write!(f, "/{path}"),
            Wanted::Quantisation(text) => write!(f, ":{text}"),
        }
    }
}

/// A text that names no model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` names no model: {problem}; allowed are {FORMS}", given.escape_debug())]
pub struct ReferenceError {
    given: String,
    problem: ReferenceProblem,
}

impl ReferenceError {
    fn new(given: &str, problem: ReferenceProblem) -> Self {
        Self {
            given: given.to_owned(),
            problem,
        }
    }

    /// What is wrong with it.
    pub fn problem(&self) -> ReferenceProblem {
        self.problem
    }
}

/// What is wrong with a model reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReferenceProblem {
    /// There is nothing.
    #[error("it is empty")]
    Empty,
    /// There is no `OWNER/REPO`, or one of them is not allowed.
    #[error(
        "owner and repository are names of letters, digits, `-`, `_` and `.`, which begin and end with a letter or digit, at most 96 each"
    )]
    Repository,
    /// The revision is not allowed.
    #[error(
        "a revision is a branch, tag or commit of letters, digits, `-`, `_`, `+` and `.`, without `..` and `/`"
    )]
    Revision,
    /// The file is not allowed.
    #[error(
        "a file is a path inside the repository, without `..`, empty parts, `\\`, `:` and control characters"
    )]
    File,
    /// The quantisation is not allowed.
    #[error("a quantisation is a name like Q4_K_M")]
    Quantisation,
}

#[cfg(test)]
#[path = "reference_tests.rs"]
mod tests;
