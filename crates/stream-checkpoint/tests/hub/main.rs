//! Models of the hub, from a stand-in for it on this machine.

mod cache;
mod download;
mod faults;
mod lab;
mod offline;
mod server;
mod whole;
