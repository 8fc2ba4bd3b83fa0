//! The report for a person.

use std::fmt::{self, Display, Write};

use stream_checkpoint::default_model;

use super::Report;
use super::engines::{Found, Runs};
use super::hub::Hub;
use super::machine::Gpus;
use super::stored::State;

/// The width of the left column.
const LABEL: usize = 18;
const GIB: f64 = (1_u64 << 30) as f64;

pub(super) fn shown(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_all(&mut out, report);
    out
}

fn write_all(out: &mut String, report: &Report) -> fmt::Result {
    write_build(out, report)?;
    write_machine(out, report)?;
    write_model(out, report)?;
    write_hub(out, &report.hub)?;
    write_engines(out, report)
}

fn write_engines(out: &mut String, report: &Report) -> fmt::Result {
    writeln!(out, "backends")?;
    if report.backends.is_empty() {
        line(out, "none", "build with a feature that brings one")?;
    }
    for engine in &report.backends {
        match &engine.found {
            Found::Runs(runs) => write_runs(out, engine.name, runs)?,
            Found::Fails(why) => line(out, engine.name, format_args!("fails: {why}"))?,
            Found::NotTried(why) => line(out, engine.name, format_args!("not tried: {why}"))?,
        }
    }
    Ok(())
}

fn write_runs(out: &mut String, name: &str, runs: &Runs) -> fmt::Result {
    line(out, name, format_args!("runs on {}", runs.device))?;
    line(out, "", format_args!("with {}", runs.model))?;
    match runs.context_length {
        Some(tokens) => line(out, "", format_args!("context of {tokens} tokens")),
        None => Ok(()),
    }
}

fn write_build(out: &mut String, report: &Report) -> fmt::Result {
    let build = &report.build;
    writeln!(out, "build")?;
    line(out, "version", build.version)?;
    line(out, "profile", build.profile)?;
    let target = format_args!("{} on {}", build.architecture, build.system);
    line(out, "target", target)?;
    line(out, "instruction sets", listed(&build.instruction_sets))?;
    line(out, "backends", listed(&build.backends))
}

fn write_machine(out: &mut String, report: &Report) -> fmt::Result {
    let machine = &report.machine;
    writeln!(out, "machine")?;
    line(out, "cpu", machine.cpu.as_deref().unwrap_or("unknown"))?;
    line(out, "logical cpus", machine.logical_cpus)?;
    if let Some(cores) = machine.physical_cores {
        line(out, "physical cores", cores)?;
    }
    line(out, "instruction sets", listed(&machine.instruction_sets))?;
    if let Some(memory) = &machine.memory {
        let gib = |bytes: u64| bytes as f64 / GIB;
        let (total, free) = (gib(memory.total_bytes), gib(memory.available_bytes));
        line(
            out,
            "memory",
            format_args!("{total:.1} GiB, {free:.1} GiB available"),
        )?;
    }
    write_gpus(out, &machine.gpus)
}

fn write_gpus(out: &mut String, gpus: &Gpus) -> fmt::Result {
    match gpus {
        Gpus::None(why) => line(out, "gpus", format_args!("none: {why}")),
        Gpus::Found(names) => (names.iter().enumerate())
            .try_for_each(|(number, name)| line(out, &format!("cuda:{number}"), name)),
    }
}

fn write_model(out: &mut String, report: &Report) -> fmt::Result {
    let stored = &report.default_model;
    writeln!(out, "default model")?;
    line(out, "name", stored.name)?;
    line(out, "file", stored.path.display())?;
    let state = match stored.state {
        State::Missing => "not there; fetch it with `stream-engine pull`",
        State::Damaged => "damaged; `stream-engine pull` mends it",
        State::Whole => "whole",
    };
    line(out, "state", state)?;
    if let Some(path) = &stored.replaced_by {
        let variable = default_model::MODEL_VARIABLE;
        line(
            out,
            "replaced by",
            format_args!("{} ({variable})", path.display()),
        )?;
    }
    Ok(())
}

fn write_hub(out: &mut String, hub: &Hub) -> fmt::Result {
    writeln!(out, "hub")?;
    if !hub.compiled_in {
        return line(
            out,
            "support",
            "not compiled in; build with the feature `hub`",
        );
    }
    line(out, "cache", hub.cache.display())?;
    match hub.offline {
        true => line(out, "address", "not asked (HF_HUB_OFFLINE)")?,
        false => line(out, "address", &hub.endpoint)?,
    }
    line(out, "token", if hub.token { "set" } else { "none" })
}

fn line(out: &mut String, label: &str, value: impl Display) -> fmt::Result {
    writeln!(out, "  {label:LABEL$}{value}")
}

fn listed(names: &[&str]) -> String {
    match names {
        [] => "none".to_owned(),
        names => names.join(" "),
    }
}
