//! `cargo xtask kernels`.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use cuda_device::{Capability, Compiler};
use cuda_kernels::{Kernel, SOURCES};

use super::nvrtc;

/// The oldest generation that the kernels are for, and later ones whose compilers differ.
const CAPABILITIES: [Capability; 3] = [
    Capability::OLDEST,
    Capability { major: 9, minor: 0 },
    Capability {
        major: 12,
        minor: 0,
    },
];

/// Compiles every kernel for the oldest generation, where NVRTC can be had.
pub(crate) fn check() -> Result<()> {
    match nvrtc::library() {
        Ok(library) => compile_with(&library, &CAPABILITIES[..1]),
        Err(problem) => {
            eprintln!(
                "skipped: without NVRTC the kernels for GPUs are not compiled for them: {problem:#}"
            );
            Ok(())
        }
    }
}

/// Compiles every kernel.
pub(crate) fn run() -> Result<()> {
    compile_with(&nvrtc::library()?, &CAPABILITIES)
}

fn compile_with(library: &Path, capabilities: &[Capability]) -> Result<()> {
    let compiler = open(library)?;
    for &capability in capabilities {
        let start = Instant::now();
        let bytes = compile(&compiler, capability)?;
        let (count, milliseconds) = (Kernel::all().len(), start.elapsed().as_millis());
        let kilobytes = bytes / 1_024;
        eprintln!(
            "{count} kernels compile for GPUs of capability {capability}: {kilobytes} KiB of PTX \
             in {milliseconds} ms"
        );
    }
    Ok(())
}

pub(super) fn open(library: &Path) -> Result<Compiler> {
    let path = library
        .to_str()
        .context("the path of NVRTC is not Unicode")?;
    Ok(Compiler::open(path)?)
}

/// Compiles every source, and looks for every kernel in what comes out; how much that is.
fn compile(compiler: &Compiler, capability: Capability) -> Result<usize> {
    let ptx = |source| compiler.ptx(source, capability);
    let texts: Vec<_> = SOURCES.iter().map(ptx).collect::<Result<_, _>>()?;
    let texts: Vec<_> = texts.iter().map(|text| text.to_string_lossy()).collect();
    for kernel in Kernel::all() {
        let entry = format!(".entry {kernel}(");
        if !texts.iter().any(|text| text.contains(&entry)) {
            bail!("no source has the kernel {kernel}");
        }
    }
    Ok(texts.iter().map(|text| text.len()).sum())
}
