//! Running a library on data that may break it.

use std::{io, thread};

/// Stack enough for ordinary work, as the standard library gives its threads.
pub(crate) const ORDINARY_STACK: usize = 2 << 20;

/// Why a contained run gave no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ContainError {
    #[error("no thread could be started: {0}")]
    Thread(#[from] io::Error),
    #[error("its data made the library that reads it panic")]
    Panicked,
}

/// Runs on a thread of its own, with a stack of this size, so that a panic becomes an error and
/// deep recursion finds room. Memory is taken only for as much of the stack as is used.
pub(crate) fn contained<T: Send>(
    stack: usize,
    run: impl FnOnce() -> T + Send,
) -> Result<T, ContainError> {
    thread::scope(|scope| {
        let builder = thread::Builder::new().stack_size(stack);
        let thread = builder.spawn_scoped(scope, run)?;
        thread.join().map_err(|_| ContainError::Panicked)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error() {
        let result = contained(ORDINARY_STACK, || 7);
        assert_eq!(result.expect("no panic"), 7);
        let error = contained(ORDINARY_STACK, || panic!("out of range"));
        assert!(matches!(error, Err::<(), _>(ContainError::Panicked)));
    }

    #[test]
    fn a_deep_recursion_finds_room() {
        // Not tail-recursive, and each level uses its array.
        fn descend(level: usize) -> usize {
            let room = std::hint::black_box([level; 64]);
            match level {
                0 => 0,
                level => 1 + descend(level - 1) + room[0] - level,
            }
        }
        let depth = contained(256 << 20, || descend(100_000));
        assert_eq!(depth.expect("room"), 100_000);
    }
}
