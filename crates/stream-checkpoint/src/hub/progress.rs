//! How far a download is.

/// Is told how far each file is. `()` does nothing with it.
pub trait Progress {
    /// `done` of the `total` bytes of `file` are on this machine. Called when a file begins (with
    /// what an earlier download left), after each piece, and when it ends; `done` falls only if
    /// a download starts over.
    fn advance(&mut self, file: &str, done: u64, total: u64);
}

impl Progress for () {
    fn advance(&mut self, _file: &str, _done: u64, _total: u64) {}
}
