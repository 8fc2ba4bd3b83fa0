//! How far the bench is, on stderr.

use indicatif::{ProgressBar, ProgressStyle};
use stream_bench::Observer;

/// A progress bar; it draws nothing where stderr is not a terminal.
pub(super) struct Bar(ProgressBar);

impl Bar {
    pub(super) fn new() -> Self {
        let style = ProgressStyle::with_template("{msg} [{bar:32}] {pos}/{len} requests {eta}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        Self(ProgressBar::new(0).with_style(style.progress_chars("=> ")))
    }

    pub(super) fn clear(&self) {
        self.0.finish_and_clear();
    }
}

impl Observer for Bar {
    fn stage(&mut self, text: &str) {
        self.0.set_message(text.to_owned());
    }

    fn expect(&mut self, requests: usize) {
        self.0.set_length(requests as u64);
    }

    fn advance(&mut self, requests: usize) {
        self.0.inc(requests as u64);
    }
}
