//! `cargo xtask gpu-test`.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use cuda_device::Gpu;
use cuda_kernels::check::{self, Finding};
use serde_json::{Value, json};

use super::{kernels, nvrtc};

pub(crate) const HELP: &str = "\
Usage: cargo xtask gpu-test [OPTIONS]

Compiles every CUDA kernel for an NVIDIA GPU of this machine, runs each on it, and compares what it
computes with the kernel's reference on the CPU. Needs the driver; NVRTC is fetched by pip.

  --device N     which GPU, as CUDA counts [0]
  --json FILE    write what was found there [standard output]";

/// What was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    device: usize,
    json: Option<PathBuf>,
}

impl Options {
    pub(crate) fn parse(words: &[&str]) -> Result<Self> {
        let mut options = Self::default();
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            let mut value = || {
                words
                    .next()
                    .with_context(|| format!("{word} needs a value"))
            };
            match word {
                "--device" => {
                    let number = value()?;
                    let parsed = number.parse();
                    options.device = parsed.with_context(|| format!("{number} is no number"))?;
                }
                "--json" => options.json = Some(value()?.into()),
                _ => bail!("there is no option `{word}`\n\n{HELP}"),
            }
        }
        Ok(options)
    }
}

pub(crate) fn run(options: &Options) -> Result<()> {
    // Before anything is fetched.
    nvidia_driver::gpu(options.device).context("there is no GPU to test on")?;
    let compiler = kernels::open(&nvrtc::library()?)?;
    let gpu = Gpu::open(options.device, &compiler)?;
    eprintln!("cuda:{} is {}", options.device, gpu.name());
    let start = Instant::now();
    let findings = check::all(&gpu)?;
    findings.iter().for_each(|finding| eprintln!("{finding}"));
    let report = json!({
        "gpu": gpu.name(),
        "capability": gpu.capability().to_string(),
        "seconds": start.elapsed().as_secs_f64(),
        "right": findings.iter().all(Finding::is_right),
        "kernels": findings.iter().map(described).collect::<Vec<_>>(),
    });
    write(options, &report)?;
    verdict(&findings)
}

fn described(finding: &Finding) -> Value {
    json!({
        "kernel": finding.kernel.to_string(),
        "case": finding.case,
        "right": finding.is_right(),
        // JSON has no infinity.
        "error": finding.error.min(f64::MAX),
    })
}

fn write(options: &Options, report: &Value) -> Result<()> {
    let text = serde_json::to_string_pretty(report)?;
    match &options.json {
        None => println!("{text}"),
        Some(path) => std::fs::write(path, text)
            .with_context(|| format!("{} cannot be written", path.display()))?,
    }
    Ok(())
}

fn verdict(findings: &[Finding]) -> Result<()> {
    let wrong = findings
        .iter()
        .filter(|finding| !finding.is_right())
        .count();
    match wrong {
        0 => Ok(()),
        _ => bail!("{wrong} of {} checks found something wrong", findings.len()),
    }
}

#[cfg(test)]
mod tests {
    use cuda_kernels::Kernel;

    use super::*;

    #[test]
    fn command_lines() {
        let parse = |line: &str| Options::parse(&line.split_whitespace().collect::<Vec<_>>());
        assert_eq!(parse("").unwrap(), Options::default());
        let all = Options {
            device: 3,
            json: Some("a.json".into()),
        };
        assert_eq!(parse("--json a.json --device 3").unwrap(), all);
        for (line, message) in [
            ("--device", "--device needs a value"),
            ("--device x", "x is no number"),
            ("--speed", "there is no option `--speed`"),
        ] {
            let error = parse(line).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }

    #[test]
    fn a_wrong_kernel_fails_the_test() {
        let finding = |error| Finding {
            kernel: Kernel::Sample,
            case: "two tokens".to_owned(),
            error,
            digest: 0,
        };
        verdict(&[finding(0.0), finding(1.0)]).unwrap();
        for error in [1.5, f64::INFINITY, f64::NAN] {
            let verdict = verdict(&[finding(0.0), finding(error)]).unwrap_err();
            let message = "1 of 2 checks found something wrong";
            assert_eq!(verdict.to_string(), message);
            let described = described(&finding(error));
            assert_eq!(described["right"], false);
            assert!(described["error"].is_number(), "{described}");
        }
    }
}
