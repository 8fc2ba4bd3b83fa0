//! The remote backend, against our own server and against one that misbehaves.

mod attempts;
mod laws;
mod local;
mod misbehaving;
mod protocol;
mod real;
