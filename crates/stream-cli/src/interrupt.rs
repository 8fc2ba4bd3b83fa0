//! Ctrl-C: the first one ends the stream that runs, the next one the program.

use std::process;
use std::sync::{Mutex, MutexGuard, PoisonError};

use stream_engine::core::AbortHandle;

use crate::failure::INTERRUPTED;

/// What the next Ctrl-C ends; the program, if there is nothing.
static RUNNING: Mutex<Option<AbortHandle>> = Mutex::new(None);

/// From now on Ctrl-C ends streams that are [`guard`]ed before it ends the program.
pub(crate) fn install() {
    // It fails only if a handler was installed before; then that one serves.
    let _ = ctrlc::set_handler(|| match running().take() {
        Some(handle) => handle.abort(),
        None => process::exit(INTERRUPTED.into()),
    });
}

/// Until the guard is dropped, the next Ctrl-C ends this stream instead of the program.
#[must_use]
pub(crate) fn guard(handle: AbortHandle) -> Guard {
    *running() = Some(handle);
    Guard
}

pub(crate) struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        *running() = None;
    }
}

fn running() -> MutexGuard<'static, Option<AbortHandle>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}
