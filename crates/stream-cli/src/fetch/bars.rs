//! Progress bars for the files of the hub.

use indicatif::ProgressBar;
use stream_checkpoint::hub::Progress;

/// One bar on stderr, for the file that comes just now.
#[derive(Debug, Default)]
pub(crate) struct Bars {
    current: Option<(String, ProgressBar)>,
}

impl Bars {
    /// The bar of `file`; that of the file before it goes away.
    fn of(&mut self, file: &str, total: u64) -> &ProgressBar {
        if self.current.as_ref().is_none_or(|(name, _)| name != file) {
            self.clear();
        }
        let new = || (file.to_owned(), super::bar(file.to_owned(), total));
        &self.current.get_or_insert_with(new).1
    }

    fn clear(&mut self) {
        if let Some((_, bar)) = self.current.take() {
            bar.finish_and_clear();
        }
    }
}

impl Progress for Bars {
    fn advance(&mut self, file: &str, done: u64, total: u64) {
        let bar = self.of(file, total);
        bar.set_length(total);
        bar.set_position(done);
        if done == total {
            self.clear();
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.clear();
    }
}
