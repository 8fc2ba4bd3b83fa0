//! The contract between an engine that makes tokens and the program that reads them.
//!
//! A [`Backend`] takes a [`Request`] and a [`TokenSink`]; the reader holds the other end, a
//! [`TokenStream`]. The core owns the bounded channel between the two, so no backend can be
//! unbounded, forget its ending or ignore a cancel:
//!
//! ```
//! use stream_core::{BackendExt, Mock, Request};
//!
//! let backend = Mock::new(["Hello", ", ", "world"]);
//! let request = Request::raw("greet").max_tokens(3).build()?;
//! let mut text = String::new();
//! for token in backend.generate(request)? {
//!     text.push_str(&token?.text);
//! }
//! assert_eq!(text, "Hello, world");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! No ML library, no HTTP and no async runtime stand behind this crate.
#![forbid(unsafe_code)]
#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::expect_used
)]

mod backend;
mod capabilities;
mod channel;
mod choices;
mod delivery;
mod error;
mod finish;
mod grammar;
mod latency;
mod logprobs;
mod mock;
mod prompt;
mod request;
mod roster;
mod sampling;
mod stop;
mod token;
mod tokenizer;

pub use backend::{
    Backend, BackendExt, BackendInfo, CompleteError, Drained, Health, Limits, Stats,
};
pub use capabilities::{Capabilities, Support};
pub use channel::{
    AbortHandle, Blocking, Chunk, Completion, Flow, Gate, Permit, ReserveError, Token, TokenSink,
    TokenStream, Wakeup, channel,
};
pub use choices::{ChoiceItem, Choices};
pub use delivery::{Deadlines, Delivery, SlowReader};
pub use error::{DeadlineKind, Error, InvalidRequest, Rejected, Rejection};
pub use finish::{End, Finish, FinishReason, Timings, Usage};
pub use grammar::Grammar;
pub use latency::{Latencies, Summary};
pub use logprobs::{Logprob, TokenLogprobs};
pub use mock::Mock;
pub use prompt::{Conversation, Message, Prompt, Role};
pub use request::{Request, RequestBuilder};
pub use roster::{Enrolled, Roster};
pub use sampling::{Dry, Mirostat, SamplerStage, Sampling, SamplingBuilder, Xtc};
pub use stop::{Stop, StopBuilder};
pub use token::{StreamToken, TokenId, TokenTimes};
pub use tokenizer::{TokenizeError, Tokenizer};
