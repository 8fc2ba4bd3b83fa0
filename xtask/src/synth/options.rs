//! The command line of `synth`.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::{Format, Quant, Shape};

/// The command line.
pub(crate) const HELP: &str = "\
Usage: cargo xtask synth --shape SHAPE --quant QUANT --format FORMAT --out PATH [--seed N] [--shard]

  SHAPE    tiny, tiny-qwen2, tiny-llama3, smollm2-135m, qwen2.5-0.5b or llama-3.2-1b
  QUANT    f32, f16 or bf16; for gguf also q8_0, q4_0, q4_1 or q4_k_m
  FORMAT   gguf (one file) or folder (config.json, safetensors, tokenizer.json)
  --shard  cut the weights of a folder into several files, as is done anyway above 2 GB";

/// What to write.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// The shape of the model.
    pub(crate) shape: &'static Shape,
    /// How its matrices are stored.
    pub(crate) quant: Quant,
    /// What kind of files.
    pub(crate) format: Format,
    /// The file or folder.
    pub(crate) out: PathBuf,
    /// The same seed gives the same bytes.
    pub(crate) seed: u64,
    /// Whether a folder's weights are in several files however small they are.
    pub(crate) shard: bool,
}

impl Options {
    /// Reads the words after `synth`.
    pub(crate) fn parse(words: &[&str]) -> Result<Self> {
        let (mut shape, mut quant, mut format, mut out) = (None, None, None, None);
        let (mut seed, mut shard) = (0, false);
        let mut words = words.iter();
        while let Some(&name) = words.next() {
            if name == "--shard" {
                shard = true;
                continue;
            }
            let mut value = || {
                words
                    .next()
                    .with_context(|| format!("{name} needs a value"))
            };
            match name {
                "--shape" => shape = Some(Shape::named(value()?)?),
                "--quant" => quant = Some(value()?.parse()?),
                "--format" => format = Some(value()?.parse()?),
                "--out" => out = Some(PathBuf::from(value()?)),
                "--seed" => seed = value()?.parse().context("--seed is a number")?,
                _ => bail!("there is no option `{name}`\n\n{HELP}"),
            }
        }
        let missing = |name: &str| format!("{name} is missing\n\n{HELP}");
        Ok(Self {
            shape: shape.with_context(|| missing("--shape"))?,
            quant: quant.with_context(|| missing("--quant"))?,
            format: format.with_context(|| missing("--format"))?,
            out: out.with_context(|| missing("--out"))?,
            seed,
            shard,
        })
    }
}
