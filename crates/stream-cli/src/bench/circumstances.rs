//! On what, and with what, a bench is made.

use stream_bench::Meter;
use stream_bench::report::{About, Machine, Model};
use sysinfo::System;

use crate::args::BenchArgs;
use crate::doctor::{build, machine};

pub(super) fn about(args: &BenchArgs, model: Model, meter: &Meter) -> About {
    let build = build::look();
    let from_file = args.prompts.dataset.is_some() || args.prompts.trace.is_some();
    let (prompt, output) = (&args.prompts.prompt_tokens, super::output(args));
    About {
        version: build.version.to_owned(),
        profile: build.profile.to_owned(),
        began: jiff::Timestamp::now(),
        command: command_line(),
        machine: machine_with(&build),
        model,
        workload: workload(args),
        prompt_tokens: if from_file {
            String::new()
        } else {
            prompt.to_string()
        },
        output_tokens: if from_file {
            String::new()
        } else {
            output.to_string()
        },
        seed: args.seed,
        load_average: [load_average(), None],
        energy_is_metered: meter.is_present(),
    }
}

/// The command line, with the program's name for its path.
fn command_line() -> Vec<String> {
    let arguments = std::env::args_os().skip(1);
    let arguments = arguments.map(|argument| argument.to_string_lossy().into_owned());
    std::iter::once("stream-engine".to_owned())
        .chain(arguments)
        .collect()
}

fn machine_with(build: &build::Build) -> Machine {
    let machine = machine::look();
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    Machine {
        cpu: machine.cpu,
        logical_cpus: machine.logical_cpus,
        physical_cores: machine.physical_cores,
        memory_bytes: machine.memory.map(|memory| memory.total_bytes),
        system: System::long_os_version().ok(),
        kernel: System::kernel_version().ok(),
        architecture: build.architecture.to_owned(),
        instruction_sets: owned(&machine.instruction_sets),
        compiled_for: owned(&build.instruction_sets),
    }
}

/// What is asked, in words.
fn workload(args: &BenchArgs) -> String {
    let prompts = &args.prompts;
    let output = super::output(args);
    match (&prompts.dataset, &prompts.trace) {
        (Some(path), _) => format!("the prompts of {}", super::name_of(path)),
        (_, Some(path)) => format!("the trace {}", super::name_of(path)),
        _ => {
            let prefix = match prompts.shared_prefix {
                0 => String::new(),
                tokens => format!(", the first {tokens} of them shared"),
            };
            let prompt = &prompts.prompt_tokens;
            format!("random prompts of {prompt} tokens{prefix}, answers of {output}")
        }
    }
}

/// The load average of one minute, where the system tells.
pub(super) fn load_average() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().next()?.parse().ok()
}
