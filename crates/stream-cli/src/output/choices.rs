//! Several answers to one prompt.

use std::io::Write;

use stream_engine::core::{Choices, Error};

use super::{Json, Printer, Prompt, Stopped, Text, note, print_unguarded, reader_gone};
use crate::failure::Failure;
use crate::interrupt;

/// Prints one answer after the other as text, with their numbers on stderr. Those whose turn has
/// not come are made meanwhile.
pub(crate) fn print_in_turn(
    choices: Choices,
    mut out: impl Write,
) -> Result<Vec<Stopped>, Failure> {
    let _guard = interrupt::guard(choices.streams());
    let mut streams = choices.into_streams();
    let (n, mut stopped) = (streams.len(), Vec::new());
    for (i, stream) in streams.iter_mut().enumerate() {
        note(&format!("answer {} of {n}", i + 1));
        stopped.push(print_unguarded(stream, &mut Text::new(&mut out))?);
    }
    Ok(stopped)
}

/// Prints all answers as JSON as they are made, and their ends when all have ended.
pub(crate) fn print_together(choices: Choices, out: impl Write) -> Result<Vec<Stopped>, Failure> {
    let _guard = interrupt::guard(choices.streams());
    let mut json = Json::new(out);
    let mut prompts = vec![Prompt::default(); choices.streams().len()];
    let mut reading = choices.blocking();
    while let Some((choice, record)) = reading.next() {
        json.set_choice(choice);
        // The end tells an error too.
        let Ok(token) = record else { continue };
        let stream = &reading.choices().streams()[choice];
        let shown = prompts[choice].show(stream, &mut json);
        if let Err(error) = shown.and_then(|()| json.token(&token)) {
            return Ok(vec![reader_gone(error)?]);
        }
    }
    let mut stopped = Vec::new();
    for (choice, stream) in reading.choices().streams().iter().enumerate() {
        json.set_choice(choice);
        let end = stream.end().cloned().ok_or(Error::Abandoned)?;
        stopped.push(match json.end(&end) {
            Ok(()) => Stopped::Ended(end),
            Err(error) => reader_gone(error)?,
        });
    }
    Ok(stopped)
}
