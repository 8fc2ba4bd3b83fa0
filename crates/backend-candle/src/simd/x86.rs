//! What every x86-64 CPU has.

use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

/// Bytes in a cache line.
const LINE: usize = 64;

/// Asks for the cache lines of `bytes` bytes.
#[inline(always)]
pub(super) fn prefetch(first: *const u8, bytes: usize) {
    for offset in (0..bytes).step_by(LINE) {
        // SAFETY: SSE is part of x86-64, and a prefetch may be given any address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(first.wrapping_add(offset).cast()) };
    }
}
