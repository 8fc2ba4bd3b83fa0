//! The server as clients meet it.

mod answers;
mod client;
mod clients;
mod connections;
mod faults;
mod guards;
mod listeners;
mod load;
mod shutdown;
#[cfg(feature = "otel")]
mod spans;
mod tools;
