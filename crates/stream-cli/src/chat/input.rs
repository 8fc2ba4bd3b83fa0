//! Where the lines of a chat come from: a person at a terminal, or a pipe.

use std::io::{self, BufRead};

use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;

use crate::failure::Failure;

const PROMPT: &str = "> ";

pub(super) enum Line {
    Text(String),
    /// The end of the input, or Ctrl-C at the prompt.
    End,
}

pub(super) enum Input {
    /// With line editing, and earlier lines by arrow key.
    Terminal(Box<DefaultEditor>),
    Pipe,
}

impl Input {
    pub(super) fn new(interactive: bool) -> Result<Self, Failure> {
        Ok(match interactive {
            true => Self::Terminal(Box::new(DefaultEditor::new().map_err(unreadable)?)),
            false => Self::Pipe,
        })
    }

    /// The next line, waited for.
    pub(super) fn line(&mut self) -> Result<Line, Failure> {
        match self {
            Self::Terminal(editor) => typed(editor),
            Self::Pipe => piped(&mut io::stdin().lock()),
        }
    }
}

fn typed(editor: &mut DefaultEditor) -> Result<Line, Failure> {
    match editor.readline(PROMPT) {
        Ok(line) => {
            editor.add_history_entry(&line).map_err(unreadable)?;
            Ok(Line::Text(line))
        }
        Err(ReadlineError::Eof | ReadlineError::Interrupted) => Ok(Line::End),
        Err(error) => Err(unreadable(error)),
    }
}

fn piped(stdin: &mut impl BufRead) -> Result<Line, Failure> {
    let mut line = String::new();
    match stdin.read_line(&mut line) {
        Ok(0) => Ok(Line::End),
        Ok(_) => Ok(Line::Text(line)),
        Err(error) => Err(unreadable(error)),
    }
}

fn unreadable(error: impl std::fmt::Display) -> Failure {
    Failure::input(format!("the chat cannot be read from stdin: {error}"))
}
