//! The bounded channel between one backend and one reader.
//!
//! [`channel`] makes both ends. The backend holds the [`TokenSink`]: it reserves a [`Permit`],
//! does the work, and sends. The reader holds the [`TokenStream`]. Between them stands a buffer
//! of [`Delivery::buffer`](crate::Delivery::buffer) records; what happens when it is full is the
//! request's choice ([`SlowReader`](crate::SlowReader)).
//!
//! What both ends can rely on:
//!
//! - Every stream has exactly one [`End`](crate::End). Whoever sets it first wins: the backend
//!   by finishing or failing, the reader by aborting or going away, the timer by a deadline. A
//!   sink that is dropped unfinished ends its stream with [`Error::Abandoned`](crate::Error).
//! - Records arrive in order and before the end. None is lost.
//! - From the moment a stream has ended, its sink reports it as closed and takes nothing more.
//! - The end, with text held back until then, has its own place: it needs no permit.

mod blocking;
mod clock;
mod read;
mod shared;
mod sink;
mod stream;
mod sync;
mod waiting;

use std::sync::Arc;
use std::time::Instant;

pub use blocking::Blocking;
pub use read::{Chunk, Completion, Flow};
pub use sink::{Gate, Permit, ReserveError, Token, TokenSink, Wakeup};
pub use stream::{AbortHandle, TokenStream};

use crate::Request;
use shared::Shared;

/// Both ends of a stream for `request`. Its time in the queue begins now.
pub fn channel(request: &Request) -> (TokenSink, TokenStream) {
    let shared = Arc::new(Shared::new(
        *request.delivery(),
        *request.deadlines(),
        Instant::now(),
    ));
    clock::watch(&shared);
    (TokenSink::new(shared.clone()), TokenStream::new(shared))
}

#[cfg(loom)]
#[cfg(test)]
mod models;
#[cfg(test)]
mod tests;
