//! `stream-engine chat`.

mod command;
mod conversation;
mod input;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;

use stream_checkpoint::SamplingDefaults;
use stream_engine::core::{Backend, BackendExt, End, Message, Rejection, TokenStream};

use crate::args::ChatArgs;
use crate::failure::Failure;
use crate::output::{self, Stopped, Text};
use crate::{interrupt, model, request};
use command::Command;
use conversation::Conversation;
use input::{Input, Line};

const GREETING: &str = "/help lists the commands; Ctrl-C ends a reply, Ctrl-D the chat";

pub(crate) fn run(args: ChatArgs) -> Result<ExitCode, Failure> {
    interrupt::install();
    // What is wrong with the parameters is known before the model is loaded.
    let nothing = SamplingDefaults::default();
    request::for_conversation(vec![Message::user("x")], &args.sampling, &nothing)?;
    let engine = model::engine(&args.engine)?;
    let mut chat = Chat {
        backend: engine.backend()?,
        recommended: engine.recommended_sampling()?,
        conversation: Conversation::new(args.system.clone()),
        interactive: io::stdin().is_terminal() && io::stdout().is_terminal(),
        out: Box::new(io::stdout()),
        args,
    };
    chat.run()
}

struct Chat {
    backend: Arc<dyn Backend>,
    recommended: SamplingDefaults,
    args: ChatArgs,
    conversation: Conversation,
    /// Whether a person types: mistakes are told and the chat goes on. A script's chat ends.
    interactive: bool,
    out: Box<dyn Write>,
}

/// Whether there is a next turn.
enum Next {
    Turn,
    Leave,
}

impl Chat {
    fn run(&mut self) -> Result<ExitCode, Failure> {
        let mut input = Input::new(self.interactive)?;
        if self.interactive {
            output::note(GREETING);
        }
        while let Line::Text(line) = input.line()? {
            match self.turn(&line) {
                Ok(Next::Turn) => {}
                Ok(Next::Leave) => break,
                Err(failure) if self.interactive => {
                    failure.report();
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    fn turn(&mut self, line: &str) -> Result<Next, Failure> {
        match Command::parse(line)? {
            Command::Nothing => {}
            Command::Say(text) => return self.say(text),
            Command::Help => output::note(command::HELP),
            Command::Reset => self.conversation.reset(),
            Command::System(text) => self.conversation.set_system(text),
            Command::Exit => return Ok(Next::Leave),
        }
        Ok(Next::Turn)
    }

    /// Asks, prints the reply, and keeps both; keeps neither if there is no reply.
    fn say(&mut self, text: String) -> Result<Next, Failure> {
        self.conversation.ask(text);
        let replied = self.reply();
        if replied.is_err() {
            self.conversation.withdraw();
        }
        replied
    }

    fn reply(&mut self) -> Result<Next, Failure> {
        let mut stream = self.submit()?;
        let stopped = output::print(&mut stream, &mut Text::new(&mut self.out))?;
        let Stopped::Ended(end) = stopped else {
            return Ok(Next::Leave);
        };
        self.finish(&stream, &end)?;
        Ok(Next::Turn)
    }

    /// A reply that was interrupted is kept as far as it came.
    fn finish(&mut self, stream: &TokenStream, end: &End) -> Result<(), Failure> {
        end.outcome.clone()?;
        self.conversation.answer(stream.text().to_owned());
        if self.args.stats {
            output::print_stats(end);
        }
        Ok(())
    }

    /// Submits the conversation; forgets its oldest turns until it fits the model's context.
    fn submit(&mut self) -> Result<TokenStream, Failure> {
        let mut forgotten = 0;
        loop {
            let messages = self.conversation.messages();
            let request =
                request::for_conversation(messages, &self.args.sampling, &self.recommended)?;
            match self.backend.generate(request) {
                Err(refused)
                    if is_too_long(&refused.reason) && self.conversation.forget_oldest() =>
                {
                    forgotten += 1;
                }
                submitted => {
                    tell_forgotten(forgotten);
                    return Ok(submitted?);
                }
            }
        }
    }
}

fn is_too_long(reason: &Rejection) -> bool {
    matches!(
        reason,
        Rejection::ContextLengthExceeded { .. } | Rejection::KvCacheTooSmall { .. }
    )
}

fn tell_forgotten(turns: usize) {
    match turns {
        0 => {}
        1 => output::note("the context is full: the oldest turn was forgotten"),
        n => output::note(&format!(
            "the context is full: the oldest {n} turns were forgotten"
        )),
    }
}

#[cfg(test)]
mod tests;
