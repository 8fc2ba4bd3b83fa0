//! Builds the shim against the headers of the libtorch that torch-sys links, and tells the linker
//! where the library lies.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for variable in [
        "LIBTORCH_USE_PYTORCH",
        "LIBTORCH",
        "LIBTORCH_INCLUDE",
        "LIBTORCH_LIB",
    ] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    if env::var_os("CARGO_FEATURE_LINK").is_none() {
        return;
    }
    match Libtorch::find().and_then(Libtorch::fits) {
        Ok(libtorch) => libtorch.build(),
        Err(problem) => println!("cargo::error={problem}"),
    }
}

/// The only version that tch is made for.
const VERSION: &str = "2.11.0";

/// Where headers and libraries lie. The rules are those of torch-sys, so that both mean the same.
struct Libtorch {
    include: Vec<PathBuf>,
    lib: PathBuf,
}

impl Libtorch {
    fn find() -> Result<Self, String> {
        if env::var_os("LIBTORCH_USE_PYTORCH").is_some() {
            return Self::of_python();
        }
        let system = Path::new("/usr/lib/libtorch.so").exists();
        let root = env::var_os("LIBTORCH").map(PathBuf::from);
        let root = root.or_else(|| system.then(|| PathBuf::from("/usr")));
        let root = root.ok_or(
            "libtorch 2.11.0 is needed: `cargo xtask setup libtorch` fetches it, or set LIBTORCH \
             to the folder of yours, or LIBTORCH_USE_PYTORCH=1 to take Python's",
        )?;
        let part = |variable| env::var_os(variable).map_or_else(|| root.clone(), PathBuf::from);
        let include = part("LIBTORCH_INCLUDE").join("include");
        let api = include.join("torch/csrc/api/include");
        let lib = part("LIBTORCH_LIB").join("lib");
        Ok(Self {
            include: vec![include, api],
            lib,
        })
    }

    fn of_python() -> Result<Self, String> {
        const PATHS: &str = "\
from torch.utils import cpp_extension
print(cpp_extension.library_paths()[0])
print('\\n'.join(cpp_extension.include_paths()))";
        let python = match env::var_os("VIRTUAL_ENV") {
            Some(_) => "python",
            None => "python3",
        };
        let output = Command::new(python).args(["-c", PATHS]).output();
        let output = output.map_err(|error| format!("{python} cannot be started: {error}"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let mut paths = text.lines().map(PathBuf::from);
        let lib = paths.next().ok_or_else(|| {
            let said = String::from_utf8_lossy(&output.stderr);
            format!(
                "{python} has no torch: {}",
                said.lines().last().unwrap_or("it says nothing")
            )
        })?;
        Ok(Self {
            include: paths.collect(),
            lib,
        })
    }

    /// Says so where the headers are another version's, before a compiler tells it in its own
    /// words.
    fn fits(self) -> Result<Self, String> {
        const HEADERS: [&str; 2] = ["torch/headeronly/version.h", "torch/version.h"];
        let places = self.include.iter();
        let mut files = places.flat_map(|include| HEADERS.map(|name| include.join(name)));
        let found = files.find_map(|file| version(&fs::read_to_string(file).ok()?));
        match found {
            Some(found) if found != VERSION => Err(format!(
                "libtorch {found} in {} does not fit: it has to be {VERSION}",
                self.lib.display()
            )),
            // A library that does not say it is asked when a model is loaded.
            _ => Ok(self),
        }
    }

    fn build(&self) {
        let mut shim = cc::Build::new();
        // The headers of the library are not ours to mend.
        shim.cpp(true)
            .std("c++20")
            .warnings(false)
            .opt_level(3)
            .flag_if_supported("-fno-math-errno")
            .flag_if_supported("-fno-trapping-math")
            .pic(true)
            .includes(&self.include);
        for name in [
            "guarded.h",
            "numbers.h",
            "attend.cpp",
            "fused.cpp",
            "shim.cpp",
        ] {
            println!("cargo::rerun-if-changed=src/engine/{name}");
        }
        shim.files(["attend", "fused", "shim"].map(|name| format!("src/engine/{name}.cpp")));
        shim.compile("stream_engine_libtorch_shim");
        let lib = self.lib.display();
        println!("cargo::rustc-link-search=native={lib}");
        println!("cargo::rustc-link-lib=torch_cpu");
        println!("cargo::rustc-link-lib=c10");
        // Of this package's tests; other packages learn it as DEP_STREAM_ENGINE_LIBTORCH_LIB.
        println!("cargo::rustc-link-arg=-Wl,-rpath,{lib}");
        println!("cargo::metadata=LIB={lib}");
    }
}

/// What a header says of its version.
fn version(header: &str) -> Option<String> {
    let number = |part: &str| {
        let name = format!("#define TORCH_VERSION_{part} ");
        let number = header.lines().find_map(|line| line.strip_prefix(&name))?;
        Some(number.trim().to_owned())
    };
    let numbers = [number("MAJOR")?, number("MINOR")?, number("PATCH")?];
    Some(numbers.join("."))
}
