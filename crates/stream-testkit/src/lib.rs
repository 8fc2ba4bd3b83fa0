//! The laws that every backend keeps, as a test suite for yours.
//!
//! A law is an async function over `&dyn Backend`. It is checked where the backend's
//! [`Capabilities`](stream_core::Capabilities) say that it applies, and says so where they do
//! not. One line makes a test of each:
//!
//! ```
//! use stream_core::Mock;
//! use stream_testkit::{Ground, conformance};
//!
//! conformance!(mock, (Mock::new(["Once", " upon", " a", " time"]), Ground::default().forced()));
//! # fn main() {}
//! ```
//!
//! The expression is evaluated anew for each law, so that no law inherits what another one left
//! behind. [`Ground`] says what to ask the backend.
//!
//! # What is measured
//!
//! No law asserts a time. Where a law says "soon", steps are counted by
//! [`Backend::stats`]. A backend that never ends a stream is found
//! by [`Ground::patience`].

mod ask;
mod faulty;
mod forced;
mod golden;
mod ground;
pub mod laws;
mod macros;
mod run;
mod scripted;
mod toy;
mod verdict;

pub use faulty::{Control, Fault, Faulty, Hand, SeenRow, Struck};
pub use golden::Golden;
pub use ground::Ground;
pub use run::{check, check_fault, keeps, keeps_in_faults, settle};
pub use scripted::{Act, Scripted};
#[doc(hidden)]
pub use stream_core::Backend;
pub use toy::{Brain, Toy, hashed};
pub use verdict::{Broken, Kept, Verdict};
