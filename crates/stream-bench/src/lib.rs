//! Measures engines against each other.
//!
//! A [`Contender`] answers rounds of requests: a [`Backend`](stream_core::Backend) in this process
//! ([`Local`]), or a program that speaks the [`protocol`] on its stdin and stdout ([`Process`]),
//! which for a backend is [`worker::serve`]. Each engine has a process of its own, so that its
//! start-up, its peak of memory, its threads and its allocator are its own; the process lives
//! through all rounds, and while another contender is measured it waits for a line.
//!
//! [`bench::run`] starts the contenders, warms them up, and puts each [`Load`] on each of them in
//! turns, round after round, with the same requests from a [`Workload`]. [`Report`] writes what
//! was measured: tables, Markdown, JSON with the keys of `vllm bench serve`, and a page of HTML.
//!
//! The measures are defined in [`metrics`], the statistics in [`stats`].
#![forbid(unsafe_code)]

pub mod bench;
mod contender;
mod drive;
mod energy;
mod goodput;
mod lengths;
mod load;
mod memory;
pub mod metrics;
mod process;
pub mod protocol;
pub mod report;
pub mod stats;
mod vocabulary;
pub mod worker;
pub mod workload;

pub use bench::{Entrant, Entry, Measured, Observer, Plan, Run, Starter};
pub use contender::{Contender, ContenderError, Local};
pub use drive::drive;
pub use energy::{Meter, Reading};
pub use goodput::{BadGoal, Goal};
pub use lengths::{BadLengths, Lengths};
pub use load::{BadRate, Load, Rate};
pub use memory::peak_of;
pub use process::Process;
pub use report::Report;
pub use vocabulary::{NoTokens, Vocabulary};
pub use workload::Workload;
