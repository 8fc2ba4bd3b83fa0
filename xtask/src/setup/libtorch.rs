//! libtorch for the CPU, out of the Python packages of PyTorch and of the CUDA libraries that it
//! wants to load, and the word to Cargo where it lies.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::pip::{Wheel, extract_all};
use crate::{cache, root, shell};

/// The only version that the crate tch is made for.
const VERSION: &str = "2.11.0";
/// The folder in the user's cache.
const FOLDER: &str = "libtorch-2.11.0-1";
/// What is written when everything is there.
const WHOLE: &str = "torch/build-version";

/// A wheel, and which of its files are needed.
struct Source {
    wheel: Wheel,
    needed: fn(&str) -> bool,
}

/// No package has libtorch for the CPU alone. This one is built for CUDA; of its libraries those
/// for the CPU are taken, and two of CUDA's, without which they do not load.
const SOURCES: [Source; 3] = [
    Source {
        wheel: wheel(
            "torch==2.11.0",
            "manylinux_2_28_x86_64",
            "7aa2f9bbc6d4595ba72138026b2074be1233186150e9292865e04b7a63b8c67a",
        ),
        needed: |path| {
            let libraries = ["libc10.so", "libtorch_cpu.so", "libgomp.so.1"];
            let library = path.strip_prefix("torch/lib/");
            path.starts_with("torch/include/")
                || library.is_some_and(|name| libraries.contains(&name))
                || is_licence(path)
        },
    },
    Source {
        wheel: wheel(
            "nvidia-cuda-runtime==13.0.96",
            "manylinux2014_x86_64",
            "7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548",
        ),
        needed: |path| path.ends_with("/libcudart.so.13") || is_licence(path),
    },
    Source {
        wheel: wheel(
            "nvidia-cuda-cupti==13.0.85",
            "manylinux_2_25_x86_64",
            "4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8",
        ),
        needed: |path| path.ends_with("/libcupti.so.13") || is_licence(path),
    },
];

const fn wheel(package: &'static str, platform: &'static str, sha256: &'static str) -> Wheel {
    Wheel {
        package,
        platform,
        python: "3.11",
        sha256,
    }
}

fn is_licence(path: &str) -> bool {
    path.contains(".dist-info/") && path.to_uppercase().contains("LICENSE")
}

/// Puts the library into the user's cache, unless it is there or the user has one, and tells
/// Cargo where it is.
pub(crate) fn run() -> Result<()> {
    if std::env::var_os("LIBTORCH_USE_PYTORCH").is_some() {
        let (version, lib) = of_python()?;
        check_version(&version, "Python's torch")?;
        return tell_cargo("LIBTORCH_USE_PYTORCH", "1", &lib);
    }
    let ours = cache::cache_folder()?.join(FOLDER);
    if let Some(own) = cache::variable("LIBTORCH").filter(|own| !own.starts_with(&ours)) {
        let file = own.join("build-version");
        let version = fs::read_to_string(&file);
        let version = version.with_context(|| format!("{} cannot be read", file.display()))?;
        check_version(&version, &own.display().to_string())?;
        return tell_cargo("LIBTORCH", &own.to_string_lossy(), &own.join("lib"));
    }
    if !ours.join(WHOLE).is_file() {
        fetch(&ours)?;
    }
    let root = ours.join("torch");
    tell_cargo("LIBTORCH", &root.to_string_lossy(), &root.join("lib"))
}

/// Whether there is a library to fetch for this machine.
pub(crate) fn is_known_here() -> bool {
    cfg!(all(target_os = "linux", target_arch = "x86_64"))
}

fn fetch(folder: &Path) -> Result<()> {
    if !is_known_here() {
        bail!(
            "no package of libtorch is known for this machine: install version {VERSION} and name \
             its folder in LIBTORCH, or set LIBTORCH_USE_PYTORCH=1"
        );
    }
    eprintln!("libtorch {VERSION} for the CPU: 540 MB are fetched, 520 MB are kept");
    for (number, source) in SOURCES.iter().enumerate() {
        let download = folder.join(format!("download-{number}"));
        fs::create_dir_all(&download)?;
        let wheel = source.wheel.download(&download)?;
        extract_all(&wheel, folder, source.needed)?;
        fs::remove_dir_all(&download)?;
    }
    stub(&folder.join("torch/lib/libtorch.so"))?;
    fs::write(folder.join(WHOLE), VERSION)?;
    eprintln!("libtorch is in {}", folder.display());
    Ok(())
}

/// `libtorch.so` holds no code; the one of the package asks for CUDA's.
fn stub(path: &Path) -> Result<()> {
    let source = path.with_extension("c");
    fs::write(&source, "")?;
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-nostdlib", "-Wl,-soname,libtorch.so"]);
    shell::run(cc.arg(&source).arg("-o").arg(path)).context("a C compiler is needed")?;
    Ok(fs::remove_file(&source)?)
}

fn check_version(found: &str, where_from: &str) -> Result<()> {
    let found = found.trim();
    match found.split('+').next() == Some(VERSION) {
        true => Ok(()),
        false => bail!("{where_from} is libtorch {found}, and the engine needs {VERSION}"),
    }
}

/// The version of its torch, and the folder with the libraries.
fn of_python() -> Result<(String, PathBuf)> {
    const QUESTION: &str = "\
import pathlib, torch
print(torch.__version__)
print(pathlib.Path(torch.__file__).parent / 'lib')";
    let python = match std::env::var_os("VIRTUAL_ENV") {
        Some(_) => "python",
        None => "python3",
    };
    let output = Command::new(python)
        .args(["-c", QUESTION])
        .output()
        .with_context(|| format!("{python} cannot be started"))?;
    if !output.status.success() {
        bail!("LIBTORCH_USE_PYTORCH is set, but {python} has no torch");
    }
    let answer = String::from_utf8(output.stdout)?;
    let mut lines = answer.lines();
    let mut line = || lines.next().context("Python said nothing of its torch");
    Ok((line()?.to_owned(), line()?.into()))
}

/// Cargo reads the file together with `.cargo/config.toml`. The flag makes `cargo test` build the
/// engine with its tests; the path makes every program find the library, those of the documentation
/// too.
fn tell_cargo(variable: &str, value: &str, lib: &Path) -> Result<()> {
    let path = root().join(".cargo/libtorch.toml");
    let text = config(variable, value, &lib.to_string_lossy());
    if fs::read_to_string(&path).is_ok_and(|found| found == text) {
        return Ok(());
    }
    fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))
}

fn config(variable: &str, value: &str, lib: &str) -> String {
    let link = format!("link-arg=-Wl,-rpath,{lib}");
    format!(
        "# Written by `cargo xtask setup libtorch`; remove it to build without.\n\
         [build]\nrustflags = [\"--cfg\", \"libtorch\", \"-C\", {link:?}]\n\
         rustdocflags = [\"-C\", {link:?}]\n\n\
         [env]\n{variable} = {value:?}\nOMP_WAIT_POLICY = \"passive\"\nGOMP_SPINCOUNT = \"1000\"\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_does_not_fit_is_told_in_one_sentence() {
        check_version("2.11.0+cpu\n", "mine").unwrap();
        let error = check_version("2.13.0", "mine").unwrap_err().to_string();
        assert_eq!(
            error,
            "mine is libtorch 2.13.0, and the engine needs 2.11.0"
        );
    }

    #[test]
    fn what_is_taken_is_what_the_engine_needs() {
        let needed = SOURCES[0].needed;
        assert!(needed("torch/lib/libtorch_cpu.so"));
        assert!(needed("torch/include/ATen/ATen.h"));
        assert!(needed("torch-2.11.0.dist-info/licenses/LICENSE"));
        assert!(!needed("torch/lib/libtorch_cuda.so"));
        assert!(!needed("torch/nn/functional.py"));
    }

    #[test]
    fn cargo_is_told_in_its_own_format() {
        let text = config("LIBTORCH", "a \"b\"", "c");
        assert!(text.contains("\nLIBTORCH = \"a \\\"b\\\"\"\n"), "{text}");
    }
}
