//! How the threads of OpenMP wait, on which libtorch's operators run.
//!
//! They spin, which costs more than the work where another program wants the same cores. OpenMP
//! reads what it should do from the environment when it is loaded, and that is before `main`.

use std::env;

use stream_engine::BackendKind;

/// The variable, and the value for threads that sleep.
const POLICY: (&str, &str) = ("OMP_WAIT_POLICY", "passive");

/// Starts this program anew with threads that sleep, where libtorch is compiled in and nobody has
/// said how threads should wait. Where that cannot be, it goes on as it
/// is.
pub(crate) fn wait_passively() {
    let linked = BackendKind::compiled().any(|kind| kind == BackendKind::Libtorch);
    if linked && env::var_os(POLICY.0).is_none() {
        start_anew();
    }
}

#[cfg(unix)]
fn start_anew() {
    use std::os::unix::process::CommandExt as _;
    use std::process::Command;
    let mut words = env::args_os();
    let name = words.next().unwrap_or_default();
    let Ok(program) = env::current_exe() else {
        return;
    };
    let mut command = Command::new(program);
    let _failed = command
        .arg0(name)
        .args(words)
        .env(POLICY.0, POLICY.1)
        .exec();
}

#[cfg(not(unix))]
fn start_anew() {}
