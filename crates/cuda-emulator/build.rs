//! Compiles the kernels for the host, where there is a C++ compiler and a system with fibers.

use std::env;

/// Files that make the emulator.
const HOST: [&str; 3] = ["fibers.cpp", "half.cpp", "kernels.cpp"];

fn main() {
    println!("cargo::rustc-check-cfg=cfg(emulated)");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=host");
    println!("cargo::rerun-if-changed=../cuda-kernels/kernels");
    let target = |part| env::var(format!("CARGO_CFG_TARGET_{part}")).unwrap_or_default();
    // Of glibc, which has the fibers of ucontext.h.
    let possible = target("OS") == "linux" && target("ENV") == "gnu";
    let compiled = if possible {
        compile()
    } else {
        Err("it is made for Linux with glibc".into())
    };
    match compiled {
        Ok(()) => println!("cargo::rustc-cfg=emulated"),
        Err(problem) => {
            println!("cargo::warning=kernels for GPUs cannot be tested here: {problem}");
        }
    }
}

fn compile() -> Result<(), String> {
    let mut build = cc::Build::new();
    build
        .cpp(true)
        .std("c++20")
        .opt_level(2)
        // Sums and products round as they are written, as the device is told to.
        .flag("-ffp-contract=off")
        .flag("-Wno-unknown-pragmas")
        // Its checks take a jump to another fiber for a mistake.
        .flag("-U_FORTIFY_SOURCE")
        .include("host")
        .include("../cuda-kernels/kernels")
        .files(HOST.map(|name| format!("host/{name}")));
    let compiled = build.try_compile("stream_engine_cuda_emulator");
    compiled.map_err(|error| {
        error
            .to_string()
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned()
    })
}
