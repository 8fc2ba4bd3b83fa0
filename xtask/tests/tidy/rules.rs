//! Rules that look at one file at a time. Each gives what it finds, as `path:line: what`.

const MOST_LINES: usize = 500;
/// The hosts of package registries, in parts, so that they do not stand here either.
const REGISTRIES: &[[&str; 2]] = &[["pypi", "org"], ["pythonhosted", "org"], ["npmjs", "org"]];
/// Folders that a machine has at its root, without their slashes for the same reason.
const FOLDERS: &[&str] = &["work", "root", "tmp", "home", "Users"];

/// No source file is longer than 500 lines.
pub(crate) fn length(path: &str, text: &str) -> Vec<String> {
    let lines = text.lines().count();
    if path.ends_with(".rs") && lines > MOST_LINES {
        return vec![format!("{path}: {lines} lines, the most is {MOST_LINES}")];
    }
    Vec::new()
}

/// No code is left out, switched off or excused.
pub(crate) fn unfinished(path: &str, text: &str) -> Vec<String> {
    const WORDS: &[&str] = &[
        "todo!(",
        "unimplemented!(",
        "#[ignore",
        "allow(dead_code",
        "allow(clippy::too_many",
        "allow(unused",
        "FIXME",
    ];
    match path.ends_with(".rs") {
        true => lines_with(path, text, |line| contains(line, WORDS)),
        false => Vec::new(),
    }
}

/// `cfg(feature)` stands alone on its line and only before `mod` and `pub use`.
pub(crate) fn features(path: &str, text: &str) -> Vec<String> {
    if !(path.starts_with("crates/") && path.contains("/src/")) {
        return Vec::new();
    }
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let misplaced = |(i, line): (usize, &&str)| {
        let names_feature = line.contains("cfg") && contains(line, &["(feature =", " feature ="]);
        let allowed =
            line.starts_with("#[cfg(") && line.ends_with(")]") && brings_name(&lines[i..]);
        (names_feature && !allowed).then(|| found(path, i, line))
    };
    lines.iter().enumerate().filter_map(misplaced).collect()
}

/// Whether the item behind these attributes is a module or a re-export.
fn brings_name(lines: &[&str]) -> bool {
    let item = lines.iter().find(|line| !line.starts_with("#["));
    let starts = ["mod ", "pub mod ", "pub(crate) mod ", "pub use "];
    item.is_some_and(|item| starts.iter().any(|start| item.starts_with(start)))
}

/// No folder of somebody's machine, and no package registry's address.
pub(crate) fn places(path: &str, text: &str) -> Vec<String> {
    let in_folder = |line: &str| {
        FOLDERS
            .iter()
            .any(|name| line.contains(&format!("/{name}/")))
    };
    lines_with(path, text, |line| {
        in_folder(line) || REGISTRIES.iter().any(|host| line.contains(&host.join(".")))
    })
}

fn contains(line: &str, words: &[&str]) -> bool {
    words.iter().any(|word| line.contains(word))
}

fn lines_with(path: &str, text: &str, forbidden: impl Fn(&str) -> bool) -> Vec<String> {
    let lines = text.lines().enumerate();
    lines
        .filter(|(_, line)| forbidden(line))
        .map(|(i, line)| found(path, i, line))
        .collect()
}

fn found(path: &str, index: usize, line: &str) -> String {
    format!("{path}:{}: {}", index + 1, line.trim())
}

mod tests {
    use super::*;

    #[test]
    fn long_files_are_found() {
        assert_eq!(length("a.rs", &"x\n".repeat(501)).len(), 1);
        assert!(length("a.rs", &"x\n".repeat(500)).is_empty());
        assert!(length("a.md", &"x\n".repeat(501)).is_empty());
    }

    #[test]
    fn unfinished_code_is_found() {
        for line in [
            "todo!()",
            "#[ignore = \"x\"]",
            "#[allow(dead_code, reason = \"x\")]",
        ] {
            assert_eq!(unfinished("a.rs", line), [format!("a.rs:1: {line}")]);
        }
        assert!(unfinished("a.rs", "let to_do = 1;").is_empty());
    }

    #[test]
    fn misplaced_features_are_found() {
        let check = |text: &str| features("crates/a/src/lib.rs", text).len();
        for text in [
            "#[cfg(feature = \"a\")]\nmod a;",
            "#[cfg(not(feature = \"a\"))]\n#[path = \"b.rs\"]\nmod a;",
            "#[cfg(feature = \"a\")]\npub use a::B;",
            "fn a() -> bool { cfg!(target_feature = \"avx2\") }",
        ] {
            assert_eq!(check(text), 0, "{text}");
        }
        for text in [
            "#[cfg(feature = \"a\")]\nfn a() {}",
            "if cfg!(feature = \"a\") {}",
            "#[cfg_attr(feature = \"a\", derive(Debug))]",
            "#[cfg(feature = \"a\")]\nuse b::C;",
            "#[cfg(feature = \"a\")]",
        ] {
            assert_eq!(check(text), 1, "{text}");
        }
    }

    #[test]
    fn places_of_one_machine_are_found() {
        assert_eq!(
            places("a.md", "see /home/me/x\nand files.pythonhosted.org").len(),
            2
        );
        assert!(places("a.md", "the work, the root").is_empty());
    }
}
