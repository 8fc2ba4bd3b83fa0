//! The calls of the driver, taken by the emulator in its place.

use std::ffi::CString;

use cuda_device::{Capability, Compiler, CudaError, Gpu};
use cuda_kernels::check::{self, Group};
use cuda_kernels::{Device, Source};
use nvidia_driver::Gpu as Known;

const DRIVER: &str = match cuda_emulator::DRIVER {
    Some(path) => path,
    None => "no emulator: it needs Linux with glibc, and a C++ compiler when it is built",
};

/// The emulator loads the names of sources.
fn name_of(source: &Source, _: Capability) -> Result<CString, CudaError> {
    Ok(CString::new(source.name).unwrap())
}

fn open(ordinal: usize) -> Result<Gpu, CudaError> {
    let name = "Emulator".to_owned();
    Gpu::open_with(DRIVER, Known { ordinal, name }, name_of)
}

#[test]
fn every_kernel_is_right_behind_the_drivers_calls() {
    let gpu = open(0).unwrap();
    assert_eq!(gpu.name(), "Emulator");
    assert_eq!(gpu.capability().to_string(), "8.6");
    for group in [Group::Parts, Group::Rotation, Group::Attention] {
        let findings = check::of(group, &gpu).unwrap();
        let wrong: Vec<_> = findings.iter().filter(|f| !f.is_right()).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
    }
}

#[test]
fn memory_is_the_devices_and_ends_somewhere() {
    let gpu = open(0).unwrap();
    let empty = gpu.upload(&[]).unwrap();
    assert!(gpu.download(&empty).unwrap().is_empty());
    let bytes: Vec<u8> = (0..100).collect();
    let memory = gpu.upload(&bytes).unwrap();
    assert_eq!(gpu.download(&memory).unwrap(), bytes);
    // All of it can be taken again, once it was given back.
    for _ in 0..3 {
        let most = gpu.allocate(1 << 29).unwrap();
        let error = gpu.allocate(1 << 30).unwrap_err();
        assert!(error.is_out_of_memory());
        let message = "cuMemAlloc failed with CUDA error 2 (CUDA_ERROR_OUT_OF_MEMORY)";
        assert_eq!(error.to_string(), message);
        drop(most);
    }
}

#[test]
fn a_gpu_that_is_not_there_is_an_error() {
    let error = open(1).unwrap_err().to_string();
    let message = "cuDeviceGet failed with CUDA error 101 (CUDA_ERROR_INVALID_DEVICE)";
    assert_eq!(error, message);
}

#[test]
fn libraries_that_are_not_there_or_are_others_are_named() {
    let error = Compiler::open("libno-such-compiler.so")
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("libno-such-compiler.so cannot be used: "),
        "{error}"
    );
    let other = Compiler::open(DRIVER).unwrap_err().to_string();
    assert!(other.contains("nvrtcCreateProgram"), "{other}");
}

#[test]
fn a_source_that_does_not_compile_opens_no_gpu() {
    let failing = |source: &Source, _| {
        Err(CudaError::Source {
            source_name: source.name.to_owned(),
            log: "line 1: no".to_owned(),
        })
    };
    let known = Known {
        ordinal: 0,
        name: String::new(),
    };
    let error = Gpu::open_with(DRIVER, known, failing)
        .unwrap_err()
        .to_string();
    assert_eq!(error, "attention.cu does not compile:\nline 1: no");
}
