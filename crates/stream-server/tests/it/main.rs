//! The server as clients meet it.

mod answers;
mod client;
mod clients;
mod connections;
mod faults;
mod guards;
mod shutdown;
mod tools;
