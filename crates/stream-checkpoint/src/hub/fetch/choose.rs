//! Which files of a repository make the model.

use super::super::name::is_file_path;
use super::super::{HubError, HubReference, Wanted};

pub(super) const CONFIG: &str = "config.json";
pub(super) const SAFETENSORS: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// What a model is read from beside its weights; only the first is in every repository.
const DESCRIPTION: [&str; 6] = [
    CONFIG,
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
];

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Choice {
    File(String),
    Folder {
        files: Vec<&'static str>,
        /// The list of further files.
        index: Option<&'static str>,
    },
}

/// The files of a repository, or of its cached part, that are needed.
pub(super) fn choose(reference: &HubReference, files: &[String]) -> Result<Choice, HubError> {
    match reference.wanted() {
        Wanted::File(file) if files.contains(file) => Ok(Choice::File(file.clone())),
        Wanted::File(file) => Err(HubError::NoFile {
            repo: reference.repo().to_owned(),
            revision: reference.revision().to_owned(),
            file: file.clone(),
        }),
        Wanted::Quantisation(text) => {
            let fits = |name: &str| holds(name, text);
            one_gguf(reference, files, &format!("the quantisation {text}"), fits)
        }
        Wanted::Model => model(reference, files),
    }
}

/// A folder, or the only GGUF file of a repository without one.
fn model(reference: &HubReference, files: &[String]) -> Result<Choice, HubError> {
    let is_there = |name: &&str| files.iter().any(|file| file == name);
    let described = DESCRIPTION.into_iter().filter(is_there);
    match (is_there(&CONFIG), is_there(&SAFETENSORS), is_there(&INDEX)) {
        (true, true, _) => Ok(Choice::Folder {
            files: described.chain([SAFETENSORS]).collect(),
            index: None,
        }),
        (true, false, true) => Ok(Choice::Folder {
            files: described.collect(),
            index: Some(INDEX),
        }),
        _ if !gguf(files).is_empty() => one_gguf(reference, files, "one model", |_| true),
        _ => Err(HubError::NoModel {
            repo: reference.repo().to_owned(),
        }),
    }
}

fn one_gguf(
    reference: &HubReference,
    files: &[String],
    wanted: &str,
    fits: impl Fn(&str) -> bool,
) -> Result<Choice, HubError> {
    let all = gguf(files);
    let fitting: Vec<_> = all.iter().filter(|name| fits(name)).cloned().collect();
    match &fitting[..] {
        [only] => Ok(Choice::File(only.clone())),
        _ => Err(HubError::Choice {
            repo: reference.repo().to_owned(),
            wanted: wanted.to_owned(),
            several: !fitting.is_empty(),
            candidates: if fitting.is_empty() { all } else { fitting },
        }),
    }
}

/// The GGUF files, in order. A name that would lead out of the cache is none.
fn gguf(files: &[String]) -> Vec<String> {
    let is_gguf = |name: &&String| name.to_ascii_lowercase().ends_with(".gguf");
    let mut names: Vec<_> = files.iter().filter(is_gguf).cloned().collect();
    names.retain(|name| is_file_path(name));
    names.sort();
    names
}

/// Whether a quantisation stands in a file's name, whole: `Q4_K` is not in `Q4_K_M`, nor `Q4_0` in
/// `IQ4_0`.
fn holds(name: &str, quantisation: &str) -> bool {
    let (name, wanted) = (name.to_ascii_lowercase(), quantisation.to_ascii_lowercase());
    name.match_indices(&wanted).any(|(at, found)| {
        let before = name.get(..at).and_then(|text| text.chars().next_back());
        let after = name
            .get(at + found.len()..)
            .and_then(|text| text.chars().next());
        !before.is_some_and(char::is_alphanumeric)
            && !after.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(reference: &str, files: &[&str]) -> Result<Choice, HubError> {
        let files: Vec<_> = files.iter().map(|&name| name.to_owned()).collect();
        choose(&reference.parse().unwrap(), &files)
    }

    fn file(name: &str) -> Choice {
        Choice::File(name.to_owned())
    }

    #[test]
    fn a_quantisation_stands_in_the_name_whole() {
        for (name, quantisation, expected) in [
            ("m-Q4_K_M.gguf", "q4_k_m", true),
            ("m.q4_k_m.gguf", "Q4_K_M", true),
            ("m_Q4_0.gguf", "Q4_0", true),
            ("Q8_0/m.gguf", "Q8_0", true),
            ("m-Q4_K_M.gguf", "Q4_K", false),
            ("m-IQ4_XS.gguf", "Q4_XS", false),
            ("m-Q4_0_4_4.gguf", "Q4_0", false),
            ("m-BF16.gguf", "F16", false),
            ("m-BF16.gguf", "bf16", true),
        ] {
            assert_eq!(holds(name, quantisation), expected, "{name} {quantisation}");
        }
    }

    #[test]
    fn one_file_fits_or_the_candidates_are_told() {
        let files = [
            "b-Q4_0.gguf",
            "a-Q4_0.gguf",
            "b-Q8_0.gguf",
            "../x-Q5_0.gguf",
            "README.md",
        ];
        assert_eq!(chosen("a/b:q8_0", &files).unwrap(), file("b-Q8_0.gguf"));
        let several = chosen("a/b:Q4_0", &files).unwrap_err().to_string();
        assert!(
            several.contains("several files for the quantisation Q4_0"),
            "{several}"
        );
        assert!(several.contains("a-Q4_0.gguf, b-Q4_0.gguf"), "{several}");
        assert!(!several.contains("Q8_0"), "{several}");
        let none = chosen("a/b:Q5_0", &files).unwrap_err().to_string();
        assert!(none.contains("no file for the quantisation Q5_0"), "{none}");
        assert!(none.contains("b-Q8_0.gguf"), "{none}");
        assert!(!none.contains(".."), "{none}");
    }

    #[test]
    fn a_model_is_a_folder_before_it_is_a_file() {
        let folder = [
            "config.json",
            "model.safetensors",
            "m.gguf",
            "pytorch_model.bin",
        ];
        let expected = Choice::Folder {
            files: vec!["config.json", "model.safetensors"],
            index: None,
        };
        assert_eq!(chosen("hf:a/b", &folder).unwrap(), expected);
        assert_eq!(
            chosen("hf:a/b", &["m.gguf", "config.json"]).unwrap(),
            file("m.gguf")
        );
        let several = chosen("hf:a/b", &["m.gguf", "n.gguf"]).unwrap_err();
        assert!(
            matches!(several, HubError::Choice { several: true, .. }),
            "{several}"
        );
        let none = chosen("hf:a/b", &["pytorch_model.bin", "config.json"]).unwrap_err();
        assert!(matches!(none, HubError::NoModel { .. }), "{none}");
    }
}
