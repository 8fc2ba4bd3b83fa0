//! Plain text.

use std::io::{self, Write};

use stream_engine::core::{End, StreamToken, TokenLogprobs};

use super::Printer;

/// Prints text as it is made, and a line break at the end if the text has none.
#[derive(Debug)]
pub(crate) struct Text<W> {
    out: W,
    open_line: bool,
}

impl<W: Write> Text<W> {
    pub(crate) fn new(out: W) -> Self {
        Self {
            out,
            open_line: false,
        }
    }
}

impl<W: Write> Printer for Text<W> {
    /// The command line asks for it with JSON only.
    fn prompt(&mut self, _: &[TokenLogprobs]) -> io::Result<()> {
        Ok(())
    }

    fn token(&mut self, token: &StreamToken) -> io::Result<()> {
        if token.text.is_empty() {
            return Ok(());
        }
        self.open_line = !token.text.ends_with('\n');
        self.out.write_all(token.text.as_bytes())?;
        self.out.flush()
    }

    fn end(&mut self, _: &End) -> io::Result<()> {
        if self.open_line {
            writeln!(self.out)?;
        }
        self.out.flush()
    }
}
