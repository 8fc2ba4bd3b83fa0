//! Which libtorch a library belongs to.

use std::error::Error;
use std::fmt;
use std::fs;
use std::path::Path;

/// A version of libtorch, and of the CUDA that it was built for, as far as they are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Release {
    torch: String,
    cuda: Option<String>,
}

impl Release {
    /// The one that this program runs with, from its build settings.
    pub(super) fn linked(config: &str) -> Self {
        let setting = |name: &str| {
            let value = config.split(name).nth(1)?.split([',', '\n']).next()?;
            Some(value.trim().to_owned())
        };
        Self {
            torch: setting("TORCH_VERSION=").unwrap_or_default(),
            cuda: setting("CUDA_VERSION="),
        }
    }

    /// The one of a library in PyTorch's folder `torch/lib`, beside which stands `version.py`, or
    /// in that of libtorch, which has a file `build-version`.
    pub(super) fn beside(library: &Path) -> Option<Self> {
        let folder = library.parent()?.parent()?;
        if let Ok(text) = fs::read_to_string(folder.join("version.py")) {
            return Self::of_python(&text);
        }
        let version = fs::read_to_string(folder.join("build-version")).ok()?;
        Some(Self {
            torch: without_label(version.trim()),
            cuda: None,
        })
    }

    /// From lines such as `__version__ = '2.11.0+cu130'` and `cuda: Optional[str] = '13.0'`.
    fn of_python(text: &str) -> Option<Self> {
        let value = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(name))?;
            let value = line.split('=').next_back()?.trim();
            let value = value.trim_matches(['\'', '"']).to_owned();
            (value != "None").then_some(value)
        };
        Some(Self {
            torch: without_label(&value("__version__")?),
            cuda: value("cuda"),
        })
    }

    /// Whether parts of both can be in one process: what one does not tell is not held against it.
    pub(super) fn goes_with(&self, other: &Self) -> bool {
        let differ =
            |a: &Option<String>, b: &Option<String>| matches!((a, b), (Some(a), Some(b)) if a != b);
        self.torch == other.torch && !differ(&self.cuda, &other.cuda)
    }
}

/// Without what follows a `+`.
fn without_label(version: &str) -> String {
    version.split('+').next().unwrap_or(version).to_owned()
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cuda {
            Some(cuda) => write!(f, "{} for CUDA {cuda}", self.torch),
            None => f.write_str(&self.torch),
        }
    }
}

/// What the loader said.
pub(super) fn told(error: &libloading::Error) -> String {
    error
        .source()
        .map_or_else(|| error.to_string(), ToString::to_string)
}
