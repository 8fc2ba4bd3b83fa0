//! What a line of a chat means.

use crate::failure::Failure;

pub(super) const HELP: &str = "\
/system TEXT  set the system message; without TEXT, back to the model's own
/reset        forget what was said
/help         show this
/exit         leave (also Ctrl-D, or Ctrl-C at the prompt)
//TEXT        say TEXT with one slash in front";

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// An empty line.
    Nothing,
    Say(String),
    Help,
    Reset,
    System(Option<String>),
    Exit,
}

impl Command {
    pub(super) fn parse(line: &str) -> Result<Self, Failure> {
        let line = line.trim();
        let Some(command) = line.strip_prefix('/') else {
            return Ok(match line {
                "" => Self::Nothing,
                text => Self::Say(text.to_owned()),
            });
        };
        let (name, rest) = command
            .split_once(char::is_whitespace)
            .unwrap_or((command, ""));
        match (name, rest.trim()) {
            _ if command.starts_with('/') => Ok(Self::Say(command.to_owned())),
            ("help", "") => Ok(Self::Help),
            ("reset", "") => Ok(Self::Reset),
            ("exit" | "quit", "") => Ok(Self::Exit),
            ("system", "") => Ok(Self::System(None)),
            ("system", text) => Ok(Self::System(Some(text.to_owned()))),
            _ => Err(Failure::input(format!(
                "there is no command `{line}`; /help lists them, and // begins a text with a slash"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_texts_or_commands() {
        let say = |text: &str| Some(Command::Say(text.into()));
        for (line, expected) in [
            ("", Some(Command::Nothing)),
            ("  \r", Some(Command::Nothing)),
            (" hello ", say("hello")),
            ("a /help", say("a /help")),
            ("//etc", say("/etc")),
            ("/help", Some(Command::Help)),
            ("/help me", None),
            ("/reset", Some(Command::Reset)),
            ("/exit", Some(Command::Exit)),
            ("/quit", Some(Command::Exit)),
            ("/system", Some(Command::System(None))),
            ("/system be é", Some(Command::System(Some("be é".into())))),
            ("/nothing", None),
            ("/", None),
        ] {
            assert_eq!(Command::parse(line).ok(), expected, "{line:?}");
        }
    }
}
