//! Compiles the kernels for the host, where there is a C++ compiler and a system with fibers.

use std::env;
use std::path::{Path, PathBuf};

/// Files that make the emulator.
const HOST: [&str; 3] = ["fibers.cpp", "half.cpp", "kernels.cpp"];
/// What stands in for the driver.
const DRIVER: &str = "driver.cpp";

fn main() {
    println!("cargo::rustc-check-cfg=cfg(emulated)");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=host");
    println!("cargo::rerun-if-changed=../cuda-kernels/kernels");
    let target = |part| env::var(format!("CARGO_CFG_TARGET_{part}")).unwrap_or_default();
    // Of glibc, which has the fibers of ucontext.h.
    let possible = target("OS") == "linux" && target("ENV") == "gnu";
    let compiled = match possible {
        true => compile(),
        false => Err("it is made for Linux with glibc".into()),
    };
    match compiled {
        Ok(driver) => {
            println!("cargo::rustc-cfg=emulated");
            println!("cargo::rustc-env=EMULATED_DRIVER={}", driver.display());
        }
        Err(problem) => {
            println!("cargo::warning=kernels for GPUs cannot be tested here: {problem}");
        }
    }
}

/// Compiles the emulator to be linked; the library that stands in for the driver.
fn compile() -> Result<PathBuf, String> {
    let mut build = settings();
    build.files(HOST.map(|name| format!("host/{name}")));
    let compiled = build.try_compile("stream_engine_cuda_emulator");
    compiled.map_err(|error| first_line(&error.to_string()))?;
    driver().map_err(|error| first_line(&error.to_string()))
}

fn settings() -> cc::Build {
    let mut build = cc::Build::new();
    build
        .cpp(true)
        .std("c++20")
        .opt_level(2)
        .pic(true)
        // Sums and products round as they are written, as the device is told to.
        .flag("-ffp-contract=off")
        .flag("-Wno-unknown-pragmas")
        // Its checks take a jump to another fiber for a mistake.
        .flag("-U_FORTIFY_SOURCE")
        .include("host")
        .include("../cuda-kernels/kernels");
    build
}

/// The compiled emulator and the driver's functions as a library to be opened.
fn driver() -> Result<PathBuf, Box<dyn std::error::Error>> {
    let folder = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    let library = folder.join("libemulated-driver.so");
    let mut link = settings().try_get_compiler()?.to_command();
    link.arg("-shared")
        .arg("-o")
        .arg(&library)
        .arg(Path::new("host").join(DRIVER))
        .arg("-Wl,--whole-archive")
        .arg(folder.join("libstream_engine_cuda_emulator.a"))
        .arg("-Wl,--no-whole-archive");
    match link.status()?.success() {
        true => Ok(library),
        false => Err("the compiler cannot link a library".into()),
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
