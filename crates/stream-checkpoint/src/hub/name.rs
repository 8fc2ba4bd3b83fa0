//! What names of the hub are made of. A name becomes part of a path and of a URL, so nothing that
//! means something else there is let through.

/// The longest name of an owner or a repository (`huggingface_hub.utils.validate_repo_id`).
const LONGEST: usize = 96;

/// Whether this may name an owner or a repository: letters, digits, `-`, `_` and `.`, beginning
/// and ending with none of the marks, without `--` and `..`
/// (`huggingface_hub.utils.validate_repo_id`).
pub(super) fn is_repo_part(text: &str) -> bool {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    text.len() <= LONGEST
        && text.chars().all(is_plain)
        && edge(text.chars().next())
        && edge(text.chars().next_back())
        && !text.contains("--")
        && !text.contains("..")
}

/// Whether this may name a branch, a tag or a commit. One with a slash in it cannot be told from
/// a file, and is refused.
pub(super) fn is_revision(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(['-', '.'])
        && text.chars().all(|c| is_plain(c) || c == '+')
        && !text.contains("..")
}

/// Whether this may be a file of a repository: a relative path that stays below its beginning.
pub(crate) fn is_file_path(text: &str) -> bool {
    text.split('/').all(is_file_part) && !text.contains(is_unsafe)
}

/// Whether this may stand for a quantisation in a file's name.
pub(super) fn is_quantisation(text: &str) -> bool {
    text.chars().any(|c| c.is_ascii_alphanumeric()) && text.chars().all(is_plain)
}

fn is_file_part(part: &str) -> bool {
    !matches!(part, "" | "." | "..")
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

/// Backslash and colon separate on Windows.
fn is_unsafe(c: char) -> bool {
    c.is_control() || matches!(c, '\\' | ':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_and_repositories() {
        for good in ["a", "meta-llama", "Qwen2.5-0.5B", "_x_", &"a".repeat(96)] {
            assert!(is_repo_part(good), "{good}");
        }
        let long = "a".repeat(97);
        let bad = [
            "", ".", "..", "-a", "a-", "a.", "a--b", "a..b", "a b", "ä", "a/b", "a\n", &long,
        ];
        for bad in bad {
            assert!(!is_repo_part(bad), "{bad}");
        }
    }

    #[test]
    fn revisions() {
        for good in [
            "main",
            "v1.0",
            "a+b",
            "0123456789abcdef0123456789abcdef01234567",
        ] {
            assert!(is_revision(good), "{good}");
        }
        for bad in ["", "..", "a..b", "-x", ".x", "a b", "a\\b", "a\0", "a/b"] {
            assert!(!is_revision(bad), "{bad:?}");
        }
    }

    #[test]
    fn files() {
        for good in ["a.gguf", "dir/a b.gguf", "ä/…", "..a", "a..b", ".hidden"] {
            assert!(is_file_path(good), "{good}");
        }
        for bad in [
            "", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "a\\b", "..\\a",
            "C:a", "a\u{7f}", "a\0b", "a\nb",
        ] {
            assert!(!is_file_path(bad), "{bad:?}");
        }
    }
}
