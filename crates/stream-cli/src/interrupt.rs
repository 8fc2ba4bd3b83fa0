//! Ctrl-C: the first one ends the stream that runs, the next one the program.

use std::process;
use std::sync::{Mutex, MutexGuard, PoisonError};

use stream_engine::core::{AbortHandle, TokenStream};

use crate::failure::INTERRUPTED;

/// What the next Ctrl-C ends; the program, if there is nothing.
static RUNNING: Mutex<Vec<AbortHandle>> = Mutex::new(Vec::new());

/// From now on Ctrl-C ends streams that are [`guard`]ed before it ends the program.
pub(crate) fn install() {
    // It fails only if a handler was installed before; then that one serves.
    let _ = ctrlc::set_handler(|| {
        let handles = std::mem::take(&mut *running());
        if handles.is_empty() {
            process::exit(INTERRUPTED.into());
        }
        handles.iter().for_each(AbortHandle::abort);
    });
}

/// Until the guard is dropped, the next Ctrl-C ends these streams instead of the program.
#[must_use]
pub(crate) fn guard(streams: &[TokenStream]) -> Guard {
    *running() = streams.iter().map(TokenStream::abort_handle).collect();
    Guard
}

pub(crate) struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        running().clear();
    }
}

fn running() -> MutexGuard<'static, Vec<AbortHandle>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}
