//! Memory that kernels write to.

use cuda_kernels::DevicePointer;

use crate::EmulatorError;

/// Words on either side, which nothing may write to.
const MARGIN: usize = 32;
/// What stands in the margins: as `f32` and as `f16` a NaN, as an index far outside.
const MARK: u64 = 0x7FFD_7FFD_7FFD_7FFD;

/// Memory that is the emulator's alone.
#[derive(Debug)]
pub struct Memory {
    /// Of `words` words, from a boxed slice.
    start: *mut u64,
    words: usize,
    bytes: usize,
}

impl Memory {
    pub(crate) fn holding(bytes: &[u8]) -> Self {
        let words = bytes.len().div_ceil(8) + 2 * MARGIN;
        let mut all = vec![MARK.to_ne_bytes(); words];
        all.as_flattened_mut()[8 * MARGIN..][..bytes.len()].copy_from_slice(bytes);
        let all: Box<[u64]> = all.into_iter().map(u64::from_ne_bytes).collect();
        Self {
            start: Box::into_raw(all).cast(),
            words,
            bytes: bytes.len(),
        }
    }

    pub(crate) fn pointer(&self) -> DevicePointer {
        DevicePointer(self.start.wrapping_add(MARGIN).expose_provenance() as u64)
    }

    /// What it holds.
    pub(crate) fn contents(&self) -> Result<Vec<u8>, EmulatorError> {
        // SAFETY: so many words were allocated there, and no kernel runs.
        let words = unsafe { std::slice::from_raw_parts(self.start, self.words) };
        let all: Vec<_> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        let (before, rest) = all.split_at(8 * MARGIN);
        let (contents, behind) = rest.split_at(self.bytes);
        let mark = MARK.to_ne_bytes();
        let untouched = |margin: &[u8], first: usize| {
            let marked = margin.iter().zip(mark.iter().cycle().skip(first));
            marked.into_iter().all(|(byte, mark)| byte == mark)
        };
        match untouched(before, 0) && untouched(behind, self.bytes % 8) {
            true => Ok(contents.to_vec()),
            false => Err(EmulatorError::OutOfBounds { bytes: self.bytes }),
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let words = std::ptr::slice_from_raw_parts_mut(self.start, self.words);
        // SAFETY: it was a boxed slice of so many words.
        drop(unsafe { Box::from_raw(words) });
    }
}
