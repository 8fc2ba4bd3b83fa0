//! Whole benches, with contenders that have no model.

mod course;
mod driving;
mod lab;
mod processes;
