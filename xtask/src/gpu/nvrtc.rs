//! NVRTC, from NVIDIA's Python package.

use std::fs;
use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::cache::{cache_folder, variable};
use crate::setup::pip::{Wheel, extract};

/// Names a copy of one's own.
pub(crate) const VARIABLE: &str = "STREAM_ENGINE_NVRTC";

const FOLDER: &str = "nvrtc-13.0.88";
/// What compiles, and what it opens beside itself.
const LIBRARY: &str = "libnvrtc.so.13";
const BUILTINS: &str = "libnvrtc-builtins.so.13.0";
/// Of the library, which comes last.
const BYTES: u64 = 109_338_064;

const WHEEL: Wheel = Wheel {
    package: "nvidia-cuda-nvrtc==13.0.88",
    platform: "manylinux2010_x86_64",
    python: "3.12",
    sha256: "ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575",
};

/// The library: the user's own, or the one in the cache folder, where it is put if it is not there.
pub(crate) fn library() -> Result<PathBuf> {
    if let Some(own) = variable(VARIABLE) {
        return Ok(own);
    }
    let (os, architecture) = (std::env::consts::OS, std::env::consts::ARCH);
    if (os, architecture) != ("linux", "x86_64") {
        bail!("no NVRTC is known for {os} on {architecture}: name yours in {VARIABLE}");
    }
    let folder = cache_folder()?.join(FOLDER);
    let path = folder.join(LIBRARY);
    if fs::metadata(&path).is_ok_and(|found| found.len() == BYTES) {
        return Ok(path);
    }
    let unpacking = folder.join("download");
    fs::create_dir_all(&unpacking)?;
    let wheel = WHEEL.download(&unpacking)?;
    for name in [BUILTINS, LIBRARY] {
        extract(
            &wheel,
            &format!("nvidia/cu13/lib/{name}"),
            &folder.join(name),
        )?;
    }
    fs::remove_dir_all(&unpacking)?;
    eprintln!("NVRTC is at {}", path.display());
    Ok(path)
}
