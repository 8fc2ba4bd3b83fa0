//! A backend of one's own in one file: it answers with the words of the question in reverse.
//!
//! A backend keeps its promises by using what the core lends it: the [`Roster`] bounds and
//! drains it, [`Capabilities::check`] rejects what it cannot honour, and the sink's permits and
//! end bound and close each stream.

use std::time::Instant;

use futures::executor::block_on;
use stream_core::{
    Backend, BackendExt, BackendInfo, Capabilities, Drained, Enrolled, FinishReason, Limits,
    Prompt, Rejected, Rejection, Request, Roster, Support, Token, TokenSink,
};

pub(crate) struct Reverser {
    info: BackendInfo,
    roster: Roster,
}

impl Reverser {
    pub(crate) fn new(concurrent: usize) -> Self {
        let capabilities = Capabilities {
            chat: Support::Native,
            ..Capabilities::all(Support::Unsupported)
        };
        Self {
            info: BackendInfo {
                name: "reverser".into(),
                model: "words".into(),
                device: "cpu".into(),
                capabilities,
                limits: Limits {
                    context_length: None,
                    queue: 0,
                    concurrent,
                },
            },
            roster: Roster::new(concurrent),
        }
    }

    fn admit(&self, request: &Request, sink: &TokenSink) -> Result<Enrolled, Rejection> {
        self.info.capabilities.check(request, &self.info.name)?;
        self.roster.enroll(sink.gate())
    }
}

#[async_trait::async_trait]
impl Backend for Reverser {
    fn info(&self) -> &BackendInfo {
        &self.info
    }

    fn submit(&self, request: Request, sink: TokenSink) -> Result<(), Rejected> {
        let place = match self.admit(&request, &sink) {
            Ok(place) => place,
            Err(reason) => return Err(Rejected::new(reason, request, sink)),
        };
        std::thread::spawn(move || {
            block_on(answer(&request, sink));
            drop(place);
        });
        Ok(())
    }

    async fn drain(&self, deadline: Instant) -> Drained {
        self.roster.drain(deadline).await
    }
}

async fn answer(request: &Request, sink: TokenSink) {
    let question = match request.prompt() {
        Prompt::Raw(text) => text.as_str(),
        Prompt::Chat(messages) => messages.last().map_or("", |message| &message.content),
        Prompt::Conversation(_) | Prompt::Tokens(_) => "",
    };
    let words: Vec<&str> = question.split_whitespace().rev().collect();
    sink.set_prompt_tokens(words.len());
    sink.scheduled();
    let most = request.max_tokens().unwrap_or(usize::MAX);
    for word in words.iter().take(most) {
        // Room first, then the work: a reader that is gone or stalls costs nothing.
        let Ok(permit) = sink.reserve().await else {
            return sink.finish(FinishReason::Cancelled);
        };
        permit.send(Token::new(None, format!("{word} ")));
    }
    sink.finish(match words.len() < most {
        true => FinishReason::EndOfSequence,
        false => FinishReason::Length,
    });
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let backend = Reverser::new(8);
    let request = Request::user("streams from tokens makes engine this").build()?;
    for token in backend.generate(request)? {
        print!("{}", token?.text);
    }
    println!();
    let refused = backend.generate(Request::tokens([1, 2]).build()?);
    println!("{}", refused.expect_err("it reads no ids"));
    Ok(())
}
