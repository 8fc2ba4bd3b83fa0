//! An OpenAI-compatible HTTP server over any [`Backend`](stream_core::Backend).
//!
//! ```no_run
//! use std::sync::Arc;
//! use stream_core::Mock;
//! use stream_server::{Server, ServerConfig};
//!
//! # async fn run() -> Result<(), stream_server::ServeError> {
//! let backend = Arc::new(Mock::new(["Hello", " world"]));
//! let server = Server::bind("127.0.0.1:8000", backend, ServerConfig::default()).await?;
//! println!("http://{}", server.address());
//! server.run(std::future::pending()).await;
//! # Ok(())
//! # }
//! ```
//!
//! # What is promised
//! - What is wrong with a request is a real 4xx or 5xx with OpenAI's error object: the 200 of a
//!   stream is held back until its first token. An error after that is an event, and then
//!   `[DONE]`.
//! - A client that goes away frees its work at once. One that stops reading is cut off.
//! - What the backend cannot honour, and what the API does not know, is refused by name.
//! - Nothing is unbounded: requests, connections, heads, bodies, and the time of each.
#![forbid(unsafe_code)]
#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::expect_used
)]

mod answer;
mod config;
mod error;
mod guard;
mod job;
mod listen;
mod metrics;
mod patience;
mod reply;
mod routes;
mod server;
// A span for each request that reaches the model, for those who trace it through many servers.
#[cfg(not(feature = "otel"))]
#[path = "span/off.rs"]
mod span;
#[cfg(feature = "otel")]
#[path = "span/otel.rs"]
mod span;
pub mod sse;
mod state;
mod tools;
mod wire;

pub use config::{Limits, ServerConfig};
#[cfg(unix)]
pub use listen::Socket;
pub use listen::{Listener, Port};
pub use metrics::{MetricsTaken, install_metrics};
pub use server::{ServeError, Server, router};
