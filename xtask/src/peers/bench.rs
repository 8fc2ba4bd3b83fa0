//! `cargo xtask peers bench`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::list::Peer;
use super::options::BenchOptions;
use super::place::{Place, program};
use super::prepare::model_for;
use crate::cache::{cache_folder, variable};
use crate::setup;
use crate::shell::{self, built, cargo};

/// The name of the default model in the cache folder.
pub(super) const DEFAULT_MODEL: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";
const DRAFTS: &str = "--speculative-tokens";

/// Builds our program, brings the model into the form of each peer, and measures all of them in
/// one run. A peer that cannot take part is a contender that says why.
pub(super) fn run(options: &BenchOptions) -> Result<()> {
    let place = Place::find()?;
    let features = setup::for_engines(&engines(&options.others))?;
    let build = ["build", "--release", "--package", "stream-cli"];
    shell::run(cargo().args(build).args(features))?;
    let program = built("release", "stream-engine")?;
    let model = model(options, &program)?;
    let threads = match options.threads {
        Some(threads) => usize::from(threads),
        None => std::thread::available_parallelism()?.get(),
    };
    let mut bench = Command::new(program);
    bench.args(["bench", "--threads", &threads.to_string(), "--model"]);
    bench.arg(&model).args(&options.others);
    if !options.others.iter().any(|word| word == DRAFTS) {
        bench.args([DRAFTS, "0"]);
    }
    for peer in &options.peers {
        let command = contender(&place, peer, &model, threads)?;
        bench
            .arg("--contender")
            .arg(format!("{}={command}", peer.name));
    }
    shell::become_program(&mut bench)
}

/// The engines that the words for the bench name.
fn engines(words: &[String]) -> Vec<&str> {
    let mut words = words.iter().map(String::as_str);
    let named = words.find_map(|word| match word.strip_prefix("--backends") {
        Some("") => Some(""),
        Some(rest) => rest.strip_prefix('='),
        None => None,
    });
    let names = match named {
        Some("") => words.next().unwrap_or(""),
        other => other.unwrap_or(""),
    };
    names.split(',').collect()
}

/// The model of every contender.
fn model(options: &BenchOptions, program: &Path) -> Result<PathBuf> {
    let path = match (&options.model, variable("STREAM_ENGINE_MODEL")) {
        (Some(path), _) => path.clone(),
        (None, Some(path)) => path,
        (None, None) => {
            shell::run(Command::new(program).arg("pull"))?;
            cache_folder()?.join(DEFAULT_MODEL)
        }
    };
    fs::canonicalize(&path).with_context(|| path.display().to_string())
}

/// The command that a peer takes part with.
fn contender(place: &Place, peer: &Peer, model: &Path, threads: usize) -> Result<String> {
    let (python, engine, model) = match model_for(place, peer, model) {
        Ok(model) => (place.python(peer.name), peer.engine, model),
        Err(error) => {
            let reason = place.reasons().join(peer.name);
            fs::create_dir_all(place.reasons())?;
            fs::write(&reason, format!("{error:#}"))?;
            (PathBuf::from("python3"), "absent", reason)
        }
    };
    let (python, worker, model) = (word(&python)?, word(&program("worker.py"))?, word(&model)?);
    // Where libtorch is compiled in, our program sets what its own OpenMP reads.
    Ok(format!(
        "env -u OMP_WAIT_POLICY -u GOMP_SPINCOUNT {python} {worker} {engine} --model {model} --threads {threads}"
    ))
}

/// A path as a word of a command, which is cut at spaces.
fn word(path: &Path) -> Result<String> {
    let shown = path.display().to_string();
    match shown.contains(char::is_whitespace) {
        true => bail!("{shown} has a space, at which the commands of contenders are cut"),
        false => Ok(shown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engines_are_found_among_the_words() {
        let cases: [(&[&str], &[&str]); 4] = [
            (&["--backends", "candle,libtorch"], &["candle", "libtorch"]),
            (&["--seed", "1", "--backends=onnx"], &["onnx"]),
            (&["--seed", "1"], &[""]),
            (&["--backends"], &[""]),
        ];
        for (words, expected) in cases {
            let words: Vec<_> = words.iter().map(|&word| word.to_owned()).collect();
            assert_eq!(engines(&words), expected, "{words:?}");
        }
    }

    #[test]
    fn a_path_with_a_space_is_no_word() {
        assert_eq!(word(Path::new("a/b.gguf")).unwrap(), "a/b.gguf");
        let error = word(Path::new("a/my b.gguf")).unwrap_err().to_string();
        assert!(error.contains("a/my b.gguf has a space"), "{error}");
    }
}
