//! Which panics are a find.
//!
//! Some of our code runs libraries on files of others and takes their panics for errors.
//! libFuzzer's hook would end the program at any panic, so it is replaced by one that only keeps
//! the message: a find is a panic that comes out of [`examine`].

use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::process::abort;
use std::sync::{Mutex, PoisonError};

/// What the newest panic said, and where.
static NEWEST: Mutex<String> = Mutex::new(String::new());

/// To be called once, before the first input.
pub fn prepare() {
    set_hook(Box::new(|panic| {
        let text = panic.to_string();
        *NEWEST.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }));
}

/// Examines one input. A panic that comes out of it is shown with the input and ends the program,
/// upon which libFuzzer keeps the input in a file.
pub fn examine<T: Debug>(input: &T, examination: impl FnOnce(&T)) {
    if catch_unwind(AssertUnwindSafe(|| examination(input))).is_err() {
        let panic = NEWEST.lock().unwrap_or_else(PoisonError::into_inner);
        eprintln!("{panic}\nwith the input {input:?}");
        abort();
    }
}
