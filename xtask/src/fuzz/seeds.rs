//! What fuzzing begins with: the small models of the checkpoint reader's tests, in the form that
//! each target reads.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Files of a model's folder that make one input; a zero byte stands between them.
const TOKENIZER: [&str; 2] = ["tokenizer.json", "tokenizer_config.json"];
const CONFIG: [&str; 2] = ["config.json", "generation_config.json"];
const WEIGHTS: [&str; 2] = [
    "model.safetensors.index.json",
    "model-00001-of-00003.safetensors",
];
const TEMPLATE: [&str; 1] = ["chat_template.jinja"];
const CONVERSATION: &[u8] = br#"
[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello."}]"#;

/// Writes the seeds of a target, if it has any.
pub(super) fn write(target: &str, to: &Path) -> Result<()> {
    for model in models()? {
        let name = model.file_name().context("a folder")?.to_string_lossy();
        let parts = match target {
            "gguf" => {
                let file = fs::read(model.join(format!("{name}.gguf"))).ok();
                file.map(|file| vec![file])
            }
            "tokenizer" => read(&model, &TOKENIZER),
            "config" => read(&model, &CONFIG),
            "weights" => read(&model, &WEIGHTS),
            "template" => read(&model, &TEMPLATE).map(|mut parts| {
                parts.push(CONVERSATION.to_vec());
                parts
            }),
            _ => None,
        };
        if let Some(parts) = parts {
            fs::write(to.join(&*name), parts.join(&0))?;
        }
    }
    Ok(())
}

fn read(model: &Path, names: &[&str]) -> Option<Vec<Vec<u8>>> {
    let file = |name: &&str| fs::read(model.join("hf").join(name)).ok();
    names.iter().map(file).collect()
}

fn models() -> Result<Vec<PathBuf>> {
    let folder = crate::root().join("crates/stream-checkpoint/tests/fixtures/families");
    let mut models = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.join("hf").is_dir() {
            models.push(path);
        }
    }
    Ok(models)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_that_reads_files_has_seeds() {
        for target in ["gguf", "tokenizer", "config", "weights", "template"] {
            let folder = tempfile::tempdir().unwrap();
            write(target, folder.path()).unwrap();
            let count = fs::read_dir(folder.path()).unwrap().count();
            assert!(count > 0, "{target}");
        }
    }
}
