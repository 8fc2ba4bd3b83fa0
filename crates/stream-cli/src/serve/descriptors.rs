//! Each connection holds a descriptor, of which a process may have only so many.

/// What the model, the log and the runtime need for themselves.
const OWN: u64 = 64;

/// The connections that may be open at once: those that are wanted, or as many as the process has
/// descriptors for, once it has raised its limit as far as it may.
pub(crate) fn connections(wanted: usize) -> usize {
    // A system without such a limit has nothing to raise.
    let Ok(limit) = rlimit::increase_nofile_limit(wanted as u64 + OWN) else {
        return wanted;
    };
    let room = usize::try_from(limit.saturating_sub(OWN)).unwrap_or(usize::MAX);
    if room < wanted {
        eprintln!(
            "connections are limited to {}: this process may open only {limit} files (ulimit -n)",
            room.max(1)
        );
    }
    wanted.min(room.max(1))
}
