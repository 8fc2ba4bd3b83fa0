//! `cargo xtask peers install`.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::list::Peer;
use super::place::Place;
use crate::shell;

/// The installer that environments are made with: it takes pip's arguments, shares files between
/// environments, and can override what packages ask for.
const UV: &str = "uv==0.13.9";

/// The environment that the installer lives in.
const TOOLS: &str = "tools";

/// Compilers of GNU before this version lose stores before an AMX configuration is loaded, and
/// what llama.cpp then computes with crashes.
const GCC_WITH_AMX: u32 = 13;
const WITHOUT_AMX: &str = "-mno-amx-tile -mno-amx-int8 -mno-amx-bf16";

/// Installs peers; what is there in the wanted versions stays. One that cannot be installed does
/// not keep the others from it.
pub(super) fn run(peers: &[&Peer]) -> Result<()> {
    let place = Place::find()?;
    let missing: Vec<_> = peers.iter().filter(|p| !is_installed(&place, p)).collect();
    if !missing.is_empty() {
        tools(&place)?;
    }
    let mut failed = Vec::new();
    for peer in missing {
        if let Err(error) = install(&place, peer) {
            eprintln!("{}: {error:#}", peer.name);
            failed.push(peer.name);
        }
    }
    match failed[..] {
        [] => Ok(()),
        _ => bail!("not installed: {}", failed.join(", ")),
    }
}

/// Whether a peer is there, whole and in the wanted versions.
pub(super) fn is_installed(place: &Place, peer: &Peer) -> bool {
    fs::read_to_string(place.stamp(peer)).is_ok_and(|found| found == stamp(peer))
}

/// What was asked for, a line for each package and for how some were built.
fn stamp(peer: &Peer) -> String {
    let built = (!peer.cmake.is_empty()).then_some(&peer.cmake);
    let lines = peer.packages.iter().chain(peer.overrides).chain(built);
    lines.map(|line| format!("{line}\n")).collect()
}

/// The environment of the installer, made by pip.
fn tools(place: &Place) -> Result<()> {
    let python = place.python(TOOLS);
    if !python.exists() {
        let mut venv = Command::new("python3");
        shell::run(venv.args(["-m", "venv"]).arg(place.environment(TOOLS)))
            .context("Python 3 with venv and pip is needed")?;
    }
    let pip = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ];
    shell::run(Command::new(python).args(pip).arg(UV))
}

fn uv(place: &Place) -> Command {
    let mut command = Command::new(place.python(TOOLS));
    command
        .args(["-m", "uv"])
        .env("UV_CACHE_DIR", place.packages());
    command
}

fn install(place: &Place, peer: &Peer) -> Result<()> {
    let environment = place.environment(peer.name);
    let mut venv = uv(place);
    venv.args(["venv", "--quiet", "--clear", "--python", "python3"]);
    shell::run(venv.arg(&environment))?;
    let python = place.python(peer.name);
    let mut install = uv(place);
    install.args(["pip", "install", "--quiet", "--python"]);
    install.arg(&python).args(peer.packages);
    for name in peer.built {
        install.args(["--no-binary", name]);
    }
    if !peer.built.is_empty() {
        install.env("CMAKE_ARGS", peer.cmake);
        install.envs(compiler_flags().map(|flags| ("CFLAGS", flags)));
        install.envs(compiler_flags().map(|flags| ("CXXFLAGS", flags)));
    }
    if !peer.overrides.is_empty() {
        let path = environment.join("overrides.txt");
        fs::write(&path, peer.overrides.join("\n"))?;
        install.arg("--override").arg(path);
    }
    shell::run(&mut install)?;
    Ok(fs::write(place.stamp(peer), stamp(peer))?)
}

/// Flags without which what this machine's compiler makes would crash on this machine.
fn compiler_flags() -> Option<&'static str> {
    let has_amx = fs::read_to_string("/proc/cpuinfo").is_ok_and(|text| text.contains("amx_tile"));
    let output = Command::new("c++").arg("--version").output().ok()?;
    let version = String::from_utf8_lossy(&output.stdout);
    (has_amx && loses_stores(&version)).then_some(WITHOUT_AMX)
}

/// Whether this is a compiler of GNU that is too old, by what it says of its version.
fn loses_stores(version: &str) -> bool {
    let is_gnu = version.contains("Free Software Foundation");
    let line = version.lines().next().unwrap_or_default();
    let number = line.rsplit(' ').next().unwrap_or_default();
    let major = number.split('.').next().unwrap_or_default();
    is_gnu && major.parse().is_ok_and(|major: u32| major < GCC_WITH_AMX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_compilers_of_gnu_are_known_by_what_they_say() {
        let gnu = |version: &str| {
            format!(
                "c++ (Debian {version}) {version}\nCopyright (C) Free Software Foundation, Inc."
            )
        };
        assert!(loses_stores(&gnu("12.2.0")));
        assert!(!loses_stores(&gnu("13.1.0")));
        assert!(!loses_stores("clang version 11.0.1\nTarget: x86_64"));
        assert!(!loses_stores(""));
    }
}
