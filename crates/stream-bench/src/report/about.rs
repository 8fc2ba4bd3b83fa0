//! On what, of what and with what a bench was made.

use serde::Serialize;

/// The circumstances of a bench.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct About {
    /// The program's version.
    pub version: String,
    /// `release`, or `debug` for a build with debug assertions.
    pub profile: String,
    /// When it began.
    #[serde(skip)]
    pub began: jiff::Timestamp,
    /// The command line.
    pub command: Vec<String>,
    /// The machine.
    pub machine: Machine,
    /// The model.
    pub model: Model,
    /// What is asked, in words.
    pub workload: String,
    /// Tokens of prompts, as they were asked for; empty if a file says them.
    pub prompt_tokens: String,
    /// Tokens of answers, as they were asked for; empty if a file says them.
    pub output_tokens: String,
    /// The seed of prompts and arrivals.
    pub seed: u64,
    /// The machine's load average of one minute, before and after, where the system tells.
    pub load_average: [Option<f64>; 2],
    /// Whether the machine tells how much energy it takes.
    pub energy_is_metered: bool,
}

/// The machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// The processor's model.
    pub cpu: Option<String>,
    /// Logical processors that the program may use.
    pub logical_cpus: usize,
    /// Physical cores.
    pub physical_cores: Option<usize>,
    /// Memory in bytes.
    pub memory_bytes: Option<u64>,
    /// The operating system.
    pub system: Option<String>,
    /// Its kernel.
    pub kernel: Option<String>,
    /// The processor's architecture.
    pub architecture: String,
    /// Instruction sets that the processor has and matrix kernels use.
    pub instruction_sets: Vec<String>,
    /// Those of them that the whole program was compiled for.
    pub compiled_for: Vec<String>,
}

/// The model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Model {
    /// Its name.
    pub name: String,
    /// The files of its weights.
    pub files: Vec<ModelFile>,
    /// The numbers in its tensors; `None` for an export, whose graph hides them.
    pub parameters: Option<u64>,
    /// The formats of its tensors, that with the most bytes first; none for an export.
    pub formats: Vec<Format>,
}

/// A file of weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelFile {
    /// Its name, without its folder.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
}

/// A number format of tensors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Format {
    /// Its name: `Q4_1`.
    pub name: String,
    /// Tensors that have it.
    pub tensors: usize,
    /// Their bytes.
    pub bytes: u64,
}

impl Model {
    /// The bytes of its files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// The formats that matter, joined by `+`: those with at least a twentieth of the bytes.
    pub fn quantisation(&self) -> String {
        let all: u64 = self.formats.iter().map(|format| format.bytes).sum();
        let matters = |format: &&Format| format.bytes * 20 >= all;
        let names = self.formats.iter().filter(matters);
        let names: Vec<_> = names.map(|format| format.name.as_str()).collect();
        names.join("+")
    }
}

impl About {
    /// What describes the bench, as pairs of a name and a value.
    pub(super) fn facts(&self) -> Vec<(&'static str, String)> {
        let m = &self.machine;
        let cores = m.physical_cores.map_or_else(
            || format!("{} processors", m.logical_cpus),
            |cores| format!("{} processors, {cores} cores", m.logical_cpus),
        );
        let memory = m.memory_bytes.map(|bytes| format!("{:.1} GiB", gib(bytes)));
        let or_unknown = |text: &Option<String>| text.clone().unwrap_or("unknown".to_owned());
        vec![
            (
                "date",
                self.began.strftime("%Y-%m-%d %H:%M UTC").to_string(),
            ),
            ("command", self.command.join(" ")),
            (
                "program",
                format!("stream-engine {} ({})", self.version, self.profile),
            ),
            ("processor", format!("{}, {cores}", or_unknown(&m.cpu))),
            ("instruction sets", m.instruction_sets.join(" ")),
            ("memory", or_unknown(&memory)),
            (
                "system",
                format!(
                    "{}, kernel {}",
                    or_unknown(&m.system),
                    or_unknown(&m.kernel)
                ),
            ),
            ("model", self.model_line()),
            ("model files", self.file_lines()),
            ("requests", format!("{}, seed {}", self.workload, self.seed)),
        ]
    }

    fn model_line(&self) -> String {
        let model = &self.model;
        let mib = model.bytes() as f64 / f64::from(1 << 20);
        let millions = model.parameters.map(|numbers| numbers as f64 / 1e6);
        let parts = [
            Some(model.name.clone()),
            Some(model.quantisation()).filter(|formats| !formats.is_empty()),
            millions.map(|millions| format!("{millions:.1} M parameters")),
            Some(format!("{mib:.1} MiB")),
        ];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        parts.join(", ")
    }

    fn file_lines(&self) -> String {
        let line = |file: &ModelFile| format!("{} sha256 {}", file.name, file.sha256);
        let lines: Vec<_> = self.model.files.iter().map(line).collect();
        lines.join(", ")
    }
}

fn gib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 30)
}
