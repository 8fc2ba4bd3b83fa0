//! How fast this machine reads memory: the floor under every step that reads all weights.

use std::hint::black_box;
use std::thread::scope;
use std::time::Instant;

/// Numbers that are summed side by side: several vectors, so that no sum waits for another.
const LANES: usize = 64;
/// Passes over the memory in one measurement.
const PASSES: usize = 8;

/// Memory to be read, in a part for each thread.
#[derive(Debug)]
pub struct Memory {
    parts: Vec<Vec<u64>>,
}

impl Memory {
    /// About so many bytes, for so many threads.
    pub fn new(bytes: usize, threads: usize) -> Self {
        let length = bytes / size_of::<u64>() / threads / LANES * LANES;
        let part = |thread| (0..length).map(|i| (i ^ thread) as u64).collect();
        Self {
            parts: (0..threads).map(part).collect(),
        }
    }

    /// Bytes a second, every thread reading its own part from beginning to end, several times.
    pub fn read(&self) -> f64 {
        let bytes = self
            .parts
            .iter()
            .map(|part| size_of_val(&part[..]))
            .sum::<usize>();
        let start = Instant::now();
        scope(|scope| {
            for part in &self.parts {
                scope.spawn(|| (0..PASSES).for_each(|_| _ = black_box(sum(black_box(part)))));
            }
        });
        (PASSES * bytes) as f64 / start.elapsed().as_secs_f64()
    }
}

/// The sum, in lanes that the compiler keeps in vector registers.
fn sum(numbers: &[u64]) -> u64 {
    let mut sums = [0_u64; LANES];
    for chunk in numbers.as_chunks::<LANES>().0 {
        for (sum, number) in sums.iter_mut().zip(chunk) {
            *sum = sum.wrapping_add(*number);
        }
    }
    sums.into_iter().fold(0, u64::wrapping_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_read() {
        let numbers: Vec<u64> = (0..10 * LANES as u64).collect();
        assert_eq!(sum(&numbers), numbers.iter().sum::<u64>());
        let memory = Memory::new(1 << 20, 2);
        assert_eq!(
            memory.parts.iter().map(Vec::len).sum::<usize>() * 8,
            1 << 20
        );
        assert!(memory.read() > 0.0);
    }
}
