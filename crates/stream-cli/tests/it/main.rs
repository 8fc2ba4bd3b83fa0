//! The program as its user meets it: arguments in; text, sentences and exit codes out.

mod bench;
mod chat;
mod doctor;
mod generate;
mod help;
mod hub;
#[path = "../../../stream-checkpoint/tests/hub/server.rs"]
mod hub_server;
#[cfg(unix)]
mod interrupt;
mod parity;
mod program;
mod pull;
mod serve;
#[cfg(unix)]
mod serve_faults;
#[cfg(all(unix, feature = "otel"))]
mod serve_spans;
#[path = "../../src/fetch/tests/server.rs"]
mod server;
mod wrong_input;
