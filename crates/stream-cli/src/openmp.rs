//! How the threads of OpenMP wait, on which libtorch's operators run.
//!
//! They spin, for milliseconds, which costs more than the work where another program wants the same
//! cores. Threads that sleep at once are slow too: a step has hundreds of operators, and each would
//! wake them anew. So they spin for a few microseconds. OpenMP reads what it should do from the
//! environment when it is loaded, and that is before `main`.

use std::env;

use stream_engine::BackendKind;

/// The variable, and the value for threads that look for work before they sleep. The model is loaded
/// by one thread and driven by another, so that OpenMP counts more threads than processors; with
/// `passive` it would then not look at all.
const POLICY: (&str, &str) = ("OMP_WAIT_POLICY", "active");
/// How often GNU's OpenMP, which libtorch brings, looks for work before it sleeps: for some ten
/// microseconds. Decoding is two and a half times as fast as with 0, and no faster with more.
const SPINS: (&str, &str) = ("GOMP_SPINCOUNT", "1000");

/// Starts this program anew with threads that soon sleep, where libtorch is compiled in and nobody
/// has said how threads should wait. Where that cannot be, it goes on as it is.
pub(crate) fn wait_passively() {
    let linked = BackendKind::compiled().any(|kind| kind == BackendKind::Libtorch);
    let said = [POLICY.0, SPINS.0].map(env::var_os);
    if linked && said.iter().all(Option::is_none) {
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
    let _failed = command.arg0(name).args(words).envs([POLICY, SPINS]).exec();
}

#[cfg(not(unix))]
fn start_anew() {}
