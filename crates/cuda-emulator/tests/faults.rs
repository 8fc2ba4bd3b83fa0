//! The emulator finds faults of kernels, and of those who call them.

use cuda_emulator::{Emulator, EmulatorError, Order};
use cuda_kernels::Device;

/// Runs a kernel that takes one address, over so many blocks of 64 threads; what it wrote.
fn run(order: Order, name: &str, blocks: u32, numbers: usize) -> Result<Vec<u8>, EmulatorError> {
    let emulator = Emulator { order };
    let out = emulator.upload(&vec![0; 4 * numbers])?;
    let arguments = emulator.pointer(&out).0.to_ne_bytes();
    // SAFETY: the kernel writes a number a thread, and where this is over the end there is a
    // margin of 64 numbers.
    unsafe { emulator.run_named(name, [blocks, 1, 1], 64, &arguments) }?;
    emulator.download(&out)
}

#[test]
fn a_missing_barrier_shows_in_the_order() {
    let results = Order::ALL.map(|order| run(order, "no_barrier", 2, 128).unwrap());
    assert_ne!(results[0], results[1]);
    assert_ne!(results[0], results[2]);
}

#[test]
fn a_divided_warp_is_an_error() {
    let error = run(Order::Forward, "half_a_warp", 1, 1).unwrap_err();
    let name = "half_a_warp".to_owned();
    assert_eq!(error, EmulatorError::Diverged { name });
}

#[test]
fn a_write_beside_the_memory_is_an_error() {
    for numbers in [63, 40, 1] {
        let error = run(Order::Forward, "no_barrier", 1, numbers).unwrap_err();
        let bytes = 4 * numbers;
        assert_eq!(error, EmulatorError::OutOfBounds { bytes });
    }
    run(Order::Forward, "no_barrier", 1, 64).unwrap();
}

#[test]
fn what_does_not_exist_is_told() {
    let error = run(Order::Forward, "nothing", 1, 1).unwrap_err();
    assert_eq!(error.to_string(), "there is no kernel nothing");
    let emulator = Emulator {
        order: Order::Forward,
    };
    // SAFETY: it does not run.
    let error = unsafe { emulator.run_named("sample", [1; 3], 64, &[0; 12]) }.unwrap_err();
    let message = "sample takes arguments of another size than 12 bytes";
    assert_eq!(error.to_string(), message);
}
