//! What came of checking a law.

/// A law that was kept, or how it was broken.
pub type Verdict = Result<Kept, Broken>;

/// A law was not broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It was checked.
    Checked,
    /// It does not apply to this backend, and why.
    Skipped(&'static str),
}

/// How a law was broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Broken(pub String);

/// Breaks the law unless the condition holds.
macro_rules! ensure {
    ($holds:expr, $($message:tt)+) => {
        let holds: bool = $holds;
        if !holds {
            return Err($crate::Broken(format!($($message)+)));
        }
    };
}
pub(crate) use ensure;

/// Passes the law over where a backend says that it cannot do what the law is about.
macro_rules! applies {
    ($support:expr, $why:literal) => {
        if $support == stream_core::Support::Unsupported {
            return Ok($crate::Kept::Skipped($why));
        }
    };
}
pub(crate) use applies;
