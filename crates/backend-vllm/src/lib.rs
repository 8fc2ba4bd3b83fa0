//! A [`Backend`](stream_core::Backend) over HTTP: vLLM, and anything that speaks its API.
//!
//! ```no_run
//! use backend_vllm::{Vllm, VllmConfig};
//! use stream_core::{BackendExt, Request};
//!
//! let backend = Vllm::connect(VllmConfig::new("http://127.0.0.1:8000".parse()?))?;
//! for token in backend.generate(Request::user("Why is the sky blue?").build()?)? {
//!     print!("{}", token?.text);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - What the server can do is read from its `/openapi.json`, as vLLM and stream-server have one;
//!   of others only OpenAI's own parameters are believed, unless the configuration says more. What
//!   a server does not know is refused by name before it is sent.
//! - A stream that is dropped closes its connection, which is how a server learns of it.
//! - A request is sent again only while nothing was said: after that the stream ends with an error.
//! - Whatever a server does, the stream has one end: one that breaks off without a reason is
//!   [`Error::Truncated`](stream_core::Error::Truncated), and lines, events and silence have
//!   limits.
//! - TLS is rustls with ring, and nothing global is set. reqwest's own TLS is thereby compiled in
//!   without a provider: a program that uses reqwest 0.13 itself, without a feature for TLS, installs
//!   a provider of rustls before it makes a client.
#![forbid(unsafe_code)]
#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::expect_used
)]

mod answer;
mod backend;
mod body;
mod chunk;
mod client;
mod config;
mod discover;
mod error;
mod failure;
mod known;
mod local;
mod pool;
mod reader;
pub mod sse;

pub use backend::Vllm;
pub use config::{Timeouts, VllmConfig};
pub use error::ConnectError;
pub use local::{LocalCommand, LocalServer};
