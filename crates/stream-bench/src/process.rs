//! A contender in a process of its own, so that its memory and its start-up are its own too, and
//! no allocator or thread pool is shared with another.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command as Program, Stdio};

use crate::contender::{Contender, ContenderError};
use crate::memory;
use crate::protocol::{Command, Event, Outcome, Ready, Round};

/// So much of a line that cannot be read is shown.
const SHOWN: usize = 120;

/// A program that speaks the [protocol](crate::protocol) on its stdin and stdout. Dropping it ends
/// the program.
pub struct Process {
    ready: Ready,
    talk: Talk,
}

impl Process {
    /// Starts the program and waits until it is ready. Its stderr is the bench's.
    ///
    /// # Errors
    /// If it cannot be started, or does not say that it is ready.
    pub fn start(program: &mut Program) -> Result<Self, ContenderError> {
        let mut talk = Talk::new(program)?;
        match talk.hear()? {
            Event::Ready(ready) => Ok(Self { ready, talk }),
            Event::Failed(reason) => Err(ContenderError::Refused(reason)),
            other => Err(unexpected(&other, "it has not said that it is ready")),
        }
    }
}

impl Contender for Process {
    fn ready(&self) -> &Ready {
        &self.ready
    }

    fn run(
        &mut self,
        round: &Round,
        done: &mut dyn FnMut(usize),
    ) -> Result<Outcome, ContenderError> {
        self.talk.say(&Command::Round(round.clone()))?;
        loop {
            match self.talk.hear()? {
                Event::Done(ended) => done(ended),
                Event::Round(outcome) => return whole(outcome, round),
                Event::Failed(reason) => return Err(ContenderError::Refused(reason)),
                other @ Event::Ready(_) => return Err(unexpected(&other, "a round is under way")),
            }
        }
    }

    fn peak_memory(&self) -> Option<u64> {
        memory::peak_of(self.talk.child.id())
    }
}

/// The outcome, if it has a record for each request.
fn whole(outcome: Outcome, round: &Round) -> Result<Outcome, ContenderError> {
    let (found, asked) = (outcome.requests.len(), round.requests.len());
    match found == asked {
        true => Ok(outcome),
        false => Err(ContenderError::Unexpected {
            line: "{\"round\":…}".to_owned(),
            problem: format!("it has {found} records for {asked} requests"),
        }),
    }
}

fn unexpected(event: &Event, problem: &str) -> ContenderError {
    let line = serde_json::to_string(event).unwrap_or_default();
    ContenderError::Unexpected {
        line: line.chars().take(SHOWN).collect(),
        problem: problem.to_owned(),
    }
}

/// The child with both of its ends.
struct Talk {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Talk {
    fn new(program: &mut Program) -> Result<Self, ContenderError> {
        let name = program.get_program().to_string_lossy().into_owned();
        let failed = |error| ContenderError::Start {
            program: name,
            error,
        };
        let spawned = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = spawned.map_err(failed)?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(input), Some(output)) => Ok(Self {
                child,
                input,
                output: BufReader::new(output),
            }),
            _ => Err(ContenderError::Ended("without its pipes".to_owned())),
        }
    }

    fn say(&mut self, command: &Command) -> Result<(), ContenderError> {
        let mut line = serde_json::to_string(command).map_err(std::io::Error::from)?;
        line.push('\n');
        let written = self.input.write_all(line.as_bytes());
        match written.and_then(|()| self.input.flush()) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Err(self.ended()),
            written => Ok(written?),
        }
    }

    fn hear(&mut self) -> Result<Event, ContenderError> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            return Err(self.ended());
        }
        serde_json::from_str(&line).map_err(|error| ContenderError::Unexpected {
            line: line.trim_end().chars().take(SHOWN).collect(),
            problem: error.to_string(),
        })
    }

    fn ended(&mut self) -> ContenderError {
        let status = self.child.wait();
        ContenderError::Ended(status.map_or_else(|e| e.to_string(), |status| status.to_string()))
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
