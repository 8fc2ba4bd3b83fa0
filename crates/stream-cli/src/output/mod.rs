//! A stream on stdout.

mod choices;
mod json;
mod logprobs;
mod text;

use std::io::{self, Write};
use std::process::ExitCode;

use anstyle::{Effects, Style};
use stream_engine::core::{End, Error, StreamToken, TokenLogprobs, TokenStream};

pub(crate) use choices::{print_in_turn, print_together};
pub(crate) use json::Json;
pub(crate) use text::Text;

use crate::failure::Failure;
use crate::interrupt;

const NOTE: Style = Style::new().effects(Effects::DIMMED);

/// Shows a stream.
pub(crate) trait Printer {
    /// Shows how probable the prompt was.
    fn prompt(&mut self, logprobs: &[TokenLogprobs]) -> io::Result<()>;
    /// Shows what a record brings, at once.
    fn token(&mut self, token: &StreamToken) -> io::Result<()>;
    /// Shows how the stream ended.
    fn end(&mut self, end: &End) -> io::Result<()>;
}

/// Why printing stopped.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// The stream ended.
    Ended(End),
    /// Nobody reads the output any more (`stream-engine generate … | head`); no reason to complain.
    ReaderGone,
}

/// Prints a stream to its end. Ctrl-C ends the stream; what was made before is printed.
pub(crate) fn print(
    stream: &mut TokenStream,
    printer: &mut dyn Printer,
) -> Result<Stopped, Failure> {
    let _guard = interrupt::guard(std::slice::from_ref(stream));
    print_unguarded(stream, printer)
}

fn print_unguarded(
    stream: &mut TokenStream,
    printer: &mut dyn Printer,
) -> Result<Stopped, Failure> {
    let mut prompt = Prompt::default();
    let mut reading = (&mut *stream).into_iter();
    // An error is the stream's last item; the end tells it too.
    while let Some(Ok(token)) = reading.next() {
        let shown = prompt.show(reading.stream(), printer);
        if let Err(error) = shown.and_then(|()| printer.token(&token)) {
            return reader_gone(error);
        }
    }
    let end = stream.end().cloned().ok_or(Error::Abandoned)?;
    match printer.end(&end) {
        Ok(()) => Ok(Stopped::Ended(end)),
        Err(error) => reader_gone(error),
    }
}

/// Whether a prompt's log-probabilities were shown.
#[derive(Debug, Default, Clone)]
struct Prompt {
    shown: bool,
}

impl Prompt {
    fn show(&mut self, stream: &TokenStream, printer: &mut dyn Printer) -> io::Result<()> {
        match stream.prompt_logprobs() {
            Some(logprobs) if !std::mem::replace(&mut self.shown, true) => printer.prompt(logprobs),
            _ => Ok(()),
        }
    }
}

fn reader_gone(error: io::Error) -> Result<Stopped, Failure> {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(Stopped::ReaderGone),
        _ => Err(error.into()),
    }
}

/// Writes everything to stdout; a reader that goes away early is no failure.
pub(crate) fn write_whole(bytes: &[u8]) -> Result<ExitCode, Failure> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
    if let Err(error) = written {
        reader_gone(error)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints a remark to stderr.
pub(crate) fn note(text: &str) {
    anstream::eprintln!("{NOTE}{text}{NOTE:#}");
}

/// Prints tokens, time to first token and tokens per second to stderr.
pub(crate) fn print_stats(end: &End) {
    note(&stats(end));
}

fn stats(end: &End) -> String {
    let tokens = end.usage.completion_tokens;
    let mut text = format!("{tokens} tokens");
    if let Some(time) = end.timings.time_to_first_token() {
        text += &format!(", first token after {:.3} s", time.as_secs_f64());
    }
    if let Some(speed) = end.timings.tokens_per_second() {
        text += &format!(", then {speed:.1} tokens per second");
    }
    text
}

#[cfg(test)]
mod tests;
