//! `cargo xtask fuzz`: libFuzzer on the targets of `fuzz/`, on the stable toolchain.

mod build;
mod options;
mod seeds;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result, bail, ensure};

pub(crate) use options::{HELP, Options};

/// The most that one input may take. The largest stack of a template alone is 64 MB.
const LIMITS: [&str; 2] = ["-timeout=20", "-rss_limit_mb=2048"];
/// minijinja takes time with the square of a chain of operators.
const LONGEST_TEMPLATE: &str = "-max_len=4096";

/// Builds the targets, and runs those that are asked for, as many at a time as there are cores.
pub(crate) fn run(options: &Options) -> Result<()> {
    if let Some(missing) = build::missing() {
        eprintln!("skipped: {missing}, so nothing was fuzzed");
        return Ok(());
    }
    let names = chosen(options.target.as_deref())?;
    let programs = build::run()?;
    if let (Some(target), Some(file)) = (&options.target, &options.file) {
        return crate::shell::run(Command::new(programs.join(target)).arg(file));
    }
    let queue = Mutex::new(names.into_iter());
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let results: Result<Vec<()>> = thread::scope(|scope| {
        let work = || -> Result<()> {
            while let Some(name) = next(&queue) {
                fuzz(&name, &programs, options.seconds)?;
            }
            Ok(())
        };
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let joined = workers.into_iter().map(thread::ScopedJoinHandle::join);
        joined
            .map(|end| end.unwrap_or_else(|_| bail!("a thread panicked")))
            .collect()
    });
    results.map(drop)
}

fn next(queue: &Mutex<impl Iterator<Item = String>>) -> Option<String> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).next()
}

/// The target that is named, or all of them.
fn chosen(target: Option<&str>) -> Result<Vec<String>> {
    let known = targets()?;
    match target {
        None => Ok(known),
        Some(target) if known.iter().any(|name| name == target) => Ok(vec![target.to_owned()]),
        Some(target) => bail!(
            "there is no target `{target}`; known are {}",
            known.join(", ")
        ),
    }
}

fn targets() -> Result<Vec<String>> {
    let folder = crate::root().join("fuzz/fuzz_targets");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        names.extend(
            path.file_stem()
                .map(|name| name.to_string_lossy().into_owned()),
        );
    }
    names.sort();
    Ok(names)
}

/// Runs one target. What it finds is kept, and so are the inputs that reached new code.
fn fuzz(name: &str, programs: &Path, seconds: u64) -> Result<()> {
    let place = build::target_folder();
    let folder = |kind: &str| -> Result<PathBuf> {
        let folder = place.join(kind).join(name);
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        Ok(folder)
    };
    let (corpus, seeds, temporary) = (folder("corpus")?, folder("seeds")?, folder("temporary")?);
    seeds::write(name, &seeds)?;
    let mut found = folder("found")?.into_os_string();
    found.push("/");
    let mut command = Command::new(programs.join(name));
    command
        .arg(format!("-max_total_time={seconds}"))
        .args(LIMITS);
    command.arg(format!("-artifact_prefix={}", found.to_string_lossy()));
    if name == "template" {
        command.arg(LONGEST_TEMPLATE);
    }
    let dictionary = crate::root().join(format!("fuzz/dictionaries/{name}.dict"));
    if dictionary.exists() {
        command.arg(format!("-dict={}", dictionary.display()));
    }
    let output = command
        .args([&corpus, &seeds])
        .env("TMPDIR", &temporary)
        .output()?;
    remove(&temporary)?;
    report(
        name,
        &String::from_utf8_lossy(&output.stderr),
        output.status.success(),
    )
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| folder.display().to_string())
        }
        _ => Ok(()),
    }
}

/// One line of what was done, or everything about what was found.
fn report(name: &str, log: &str, well: bool) -> Result<()> {
    let mut lines = log.lines().rev();
    let last = lines
        .find(|line| line.contains(" cov: "))
        .unwrap_or_default();
    if well {
        ensure!(!last.is_empty(), "{name}: libFuzzer saw no code\n{log}");
        println!("{name:>10}: {}", last.trim());
        return Ok(());
    }
    let start = log.lines().count().saturating_sub(80);
    let end: Vec<_> = log.lines().skip(start).collect();
    bail!(
        "{name} found something:\n{}\n\nRepeat it with `cargo xtask fuzz {name} FILE`, where FILE \
         is the artifact that is named above.",
        end.join("\n")
    )
}
