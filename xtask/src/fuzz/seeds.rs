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

/// Grammars: schemas, regular expressions and Lark, as `fuzz_targets/grammar.rs` reads them.
const GRAMMARS: [&str; 8] = [
    r#"0{"type":"object","properties":{"a":{"type":"integer","minimum":1},"b":{"enum":["x",null]}},"required":["a"],"additionalProperties":false}"#,
    r##"0{"$ref":"#/$defs/n","$defs":{"n":{"anyOf":[{"type":"null"},{"type":"array","items":{"$ref":"#/$defs/n"}}]}}}"##,
    r#"0{"type":"string","format":"date","maxLength":30}"#,
    r"1[a-z]{2,5}(?:, [a-z]+)*\.",
    r"1\p{L}+|\d{4}-(?:0[1-9]|1[0-2])",
    "2start: (word \" \")+ NUMBER\nword: /[a-z]+/\nNUMBER: /[0-9]{1,3}/\n",
    "2start: e\ne: e \"+\" t | t\nt: \"(\" e \")\" | \"1\"\n",
    "2start: \"a\" %json {\"type\": \"boolean\"}\n",
];

/// Writes the seeds of a target, if it has any.
pub(super) fn write(target: &str, to: &Path) -> Result<()> {
    if target == "grammar" {
        for (number, grammar) in GRAMMARS.iter().enumerate() {
            fs::write(to.join(number.to_string()), grammar)?;
        }
    }
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
        for target in [
            "gguf",
            "tokenizer",
            "config",
            "weights",
            "template",
            "grammar",
        ] {
            let folder = tempfile::tempdir().unwrap();
            write(target, folder.path()).unwrap();
            let count = fs::read_dir(folder.path()).unwrap().count();
            assert!(count > 0, "{target}");
        }
    }
}
