//! Turns of a chat, with a backend that counts messages instead of tokens.

use std::time::Instant;

use clap::Parser;
use stream_engine::core::{
    BackendInfo, Drained, Mock, Prompt, Rejected, Request, SlowReader, TokenSink,
};

use super::*;
use crate::args::{Cli, Command as Subcommand};

/// Answers "ok", unless the conversation has more messages than its context.
struct Narrow {
    mock: Mock,
    context: usize,
}

#[async_trait::async_trait]
impl Backend for Narrow {
    fn info(&self) -> &BackendInfo {
        self.mock.info()
    }

    fn submit(&self, request: Request, sink: TokenSink) -> Result<(), Rejected> {
        let Prompt::Chat(messages) = request.prompt() else {
            unreachable!("a chat sends messages");
        };
        if messages.len() <= self.context {
            return self.mock.submit(request, sink);
        }
        let reason = Rejection::ContextLengthExceeded {
            model: "narrow".into(),
            prompt_tokens: messages.len(),
            max_tokens: 1,
            context_length: self.context,
        };
        Err(Rejected::new(reason, request, sink))
    }

    async fn drain(&self, deadline: Instant) -> Drained {
        self.mock.drain(deadline).await
    }
}

fn chat(context: usize, script: &[&str]) -> Chat {
    let cli = Cli::parse_from(["stream-engine", "chat", "--temperature", "0"]);
    let Subcommand::Chat(args) = cli.command else {
        unreachable!("it is a chat");
    };
    let mock = Mock::new(script.iter().copied());
    Chat {
        backend: Arc::new(Narrow { mock, context }),
        recommended: SamplingDefaults::default(),
        conversation: Conversation::new(None),
        interactive: false,
        out: Box::new(io::sink()),
        args,
    }
}

fn contents(chat: &Chat) -> Vec<String> {
    let messages = chat.conversation.messages();
    messages
        .into_iter()
        .map(|message| message.content)
        .collect()
}

#[test]
fn what_was_said_is_remembered() {
    let mut chat = chat(9, &["o", "k"]);
    for line in ["one", "/help", "", "two"] {
        assert!(matches!(chat.turn(line), Ok(Next::Turn)));
    }
    assert_eq!(contents(&chat), ["one", "ok", "two", "ok"]);
    assert!(matches!(chat.turn("/exit"), Ok(Next::Leave)));
}

#[test]
fn the_oldest_turns_are_forgotten_when_the_context_is_full() {
    let mut chat = chat(3, &["ok"]);
    for line in ["one", "two", "three", "four"] {
        chat.turn(line).unwrap();
    }
    assert_eq!(contents(&chat), ["three", "ok", "four", "ok"]);
}

#[test]
fn a_question_that_is_too_long_is_not_remembered() {
    let mut chat = chat(0, &["ok"]);
    assert!(chat.turn("one").is_err());
    assert!(contents(&chat).is_empty());
}

#[test]
fn a_reset_and_a_system_message_hold_from_the_next_turn() {
    let mut chat = chat(9, &["ok"]);
    for line in ["one", "/reset", "/system be brief", "two"] {
        chat.turn(line).unwrap();
    }
    assert_eq!(contents(&chat), ["be brief", "two", "ok"]);
}

#[test]
fn an_interrupted_reply_is_kept_as_far_as_it_came() {
    let mut chat = chat(9, &["ok"]);
    let request = Request::user("one").slow_reader(SlowReader::Pause);
    let (sink, mut stream) = stream_engine::core::channel(&request.build().unwrap());
    chat.conversation.ask("one".into());
    let permit = sink.try_reserve().unwrap();
    permit.send(stream_engine::core::Token::new(Some(1), "half"));
    stream.abort();
    let stopped = output::print(&mut stream, &mut Text::new(io::sink())).unwrap();
    let Stopped::Ended(end) = stopped else {
        panic!("{stopped:?}");
    };
    chat.finish(&stream, &end).unwrap();
    assert_eq!(contents(&chat), ["one", "half"]);
}

#[test]
fn an_unknown_command_says_so() {
    assert!(chat(9, &["ok"]).turn("/nonsense").is_err());
}
