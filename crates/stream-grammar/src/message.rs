//! What went wrong, in words for whoever wrote the grammar.

/// The most characters of a message.
const LONGEST: usize = 400;

/// What llguidance says when no token, and no end, may follow.
const DEAD_END: &str = "NoExtensionBias";

/// Its message without dumps of its state.
pub(crate) fn of(error: impl std::fmt::Display) -> String {
    let text = format!("{error:#}");
    let text = text.split("<backtrace>").next().unwrap_or_default();
    let text = text.split("<non-verbose/>").next().unwrap_or_default();
    let text = match text.trim().strip_prefix("panic: ") {
        Some(panic) => format!("its compiler panicked: {}", panic.trim()),
        None if text.trim() == DEAD_END => "it allows no text here".to_owned(),
        None => text.trim().to_owned(),
    };
    shortened(text)
}

fn shortened(text: String) -> String {
    match text.char_indices().nth(LONGEST) {
        None => text,
        Some(_) => text.chars().take(LONGEST).collect::<String>() + "…",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_helps_is_told() {
        assert_eq!(of("no start rule found"), "no start rule found");
        assert_eq!(
            of("NoExtensionBias\n<non-verbose/>"),
            "it allows no text here"
        );
        let panic = "panic: overflow\n<backtrace>\n 0: a::b\n</backtrace>";
        assert_eq!(of(panic), "its compiler panicked: overflow");
        let long = of("ä".repeat(LONGEST + 1));
        assert_eq!(long, "ä".repeat(LONGEST) + "…");
        assert_eq!(of("ä".repeat(LONGEST)), "ä".repeat(LONGEST));
    }
}
