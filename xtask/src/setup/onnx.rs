//! The library of ONNX Runtime, from Microsoft's Python package.

use std::fs;

use anyhow::{Context, Result};

use super::pip::{Wheel, extract};
use crate::cache::{cache_folder, variable};

/// A library in the wheel for one platform.
struct Library {
    os: &'static str,
    architecture: &'static str,
    /// Its name in the folder `onnxruntime/capi` of the wheel.
    name: &'static str,
    bytes: u64,
    wheel: Wheel,
}

const PACKAGE: &str = "onnxruntime==1.31.1";
/// The folder in the user's cache; the engine looks for it under the same name.
const FOLDER: &str = "onnxruntime-1.31.1";

const LIBRARIES: [Library; 4] = [
    Library {
        os: "linux",
        architecture: "x86_64",
        name: "libonnxruntime.so.1.31.1",
        bytes: 29_352_200,
        wheel: wheel(
            "manylinux_2_28_x86_64",
            "1f3dea47f2f0e5117c2404cea7d21fd253ae7836a3bf167a501cdfbb2600d536",
        ),
    },
    Library {
        os: "linux",
        architecture: "aarch64",
        name: "libonnxruntime.so.1.31.1",
        bytes: 25_265_040,
        wheel: wheel(
            "manylinux_2_28_aarch64",
            "0b9a492176886992e0e875f06bc0367e333f5fff11711a2d642e18b02f3009cc",
        ),
    },
    Library {
        os: "macos",
        architecture: "aarch64",
        name: "libonnxruntime.1.31.1.dylib",
        bytes: 33_037_336,
        wheel: wheel(
            "macosx_14_0_arm64",
            "96dd2564b10ea7153ad9c207e7cd8e5917cb3ba521e0e0a62ac03486fdc8d56c",
        ),
    },
    Library {
        os: "windows",
        architecture: "x86_64",
        name: "onnxruntime.dll",
        bytes: 19_288_376,
        wheel: wheel(
            "win_amd64",
            "ae8a9a351efda685cc59a66226cdefaa37a126c1d66872ca23a2de9425326130",
        ),
    },
];

const fn wheel(platform: &'static str, sha256: &'static str) -> Wheel {
    Wheel {
        package: PACKAGE,
        platform,
        python: "3.12",
        sha256,
    }
}

/// Puts the library where the engine looks for it, unless it is there or the user has named one.
pub(crate) fn run() -> Result<()> {
    if let Some(own) = variable("ORT_DYLIB_PATH") {
        eprintln!("ORT_DYLIB_PATH names {}: nothing is fetched", own.display());
        return Ok(());
    }
    let library = for_this_machine()?;
    let folder = cache_folder()?.join(FOLDER);
    let path = folder.join(library.name);
    if fs::metadata(&path).is_ok_and(|found| found.len() == library.bytes) {
        return Ok(());
    }
    let unpacking = folder.join("download");
    fs::create_dir_all(&unpacking)?;
    let wheel = library.wheel.download(&unpacking)?;
    extract(&wheel, &format!("onnxruntime/capi/{}", library.name), &path)?;
    fs::remove_dir_all(&unpacking)?;
    eprintln!("ONNX Runtime is at {}", path.display());
    Ok(())
}

fn for_this_machine() -> Result<&'static Library> {
    let (os, architecture) = (std::env::consts::OS, std::env::consts::ARCH);
    let fits = |library: &&Library| library.os == os && library.architecture == architecture;
    LIBRARIES.iter().find(fits).with_context(|| {
        format!(
            "no library of ONNX Runtime is known for {os} on {architecture}: \
             get one of version 1.24 or newer, and name it in ORT_DYLIB_PATH"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hash_is_one() {
        for library in &LIBRARIES {
            let hash = library.wheel.sha256;
            assert!(
                hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit()),
                "{hash}"
            );
        }
    }
}
