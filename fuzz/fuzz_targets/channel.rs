//! Whatever the two ends of a stream do one after the other, the reader gets every token that was
//! sent before the end, in order, and one end.
#![no_main]

use std::task::{Context, Poll, Waker};

use arbitrary::Arbitrary;
use futures::StreamExt as _;
use futures::executor::block_on;
use libfuzzer_sys::fuzz_target;
use stream_core::{
    Error, Finish, FinishReason, Permit, Request, ReserveError, SlowReader, Token, TokenSink,
    TokenStream, channel,
};
use stream_fuzz::{examine, prepare};

/// What somebody does.
#[derive(Arbitrary, Debug, Clone, Copy)]
enum Step {
    Reserve,
    GiveBack,
    /// Releases text of so many letters and holds so many back.
    Send(u8, u8),
    Read,
    Abort,
    Finish(u8),
    Fail,
    DropSink,
}

#[derive(Arbitrary, Debug)]
struct Story {
    buffer: u8,
    pauses: bool,
    steps: Vec<Step>,
}

/// Both ends, and what must be true of them.
struct Told {
    sink: Option<TokenSink>,
    stream: TokenStream,
    permits: Vec<Permit>,
    pauses: bool,
    buffer: usize,
    /// Text of each token that was sent before the end.
    sent: Vec<String>,
    held: String,
    outcome: Option<Result<FinishReason, Error>>,
    /// Text that came with the end.
    rest: String,
    /// Tokens in the records that were read.
    read: usize,
    text: String,
    /// Whether the reader was told of the end.
    over: bool,
}

fn letters(count: u8, from: char) -> String {
    (from..='z').cycle().take(count.into()).collect()
}

impl Told {
    fn new(story: &Story) -> Self {
        let buffer = usize::from(story.buffer % 4) + 1;
        let slow = match story.pauses {
            true => SlowReader::Pause,
            false => SlowReader::Coalesce,
        };
        let request = Request::raw("x").buffer(buffer).slow_reader(slow).build();
        let (sink, stream) = channel(&request.expect("a request"));
        Self {
            sink: Some(sink),
            stream,
            permits: Vec::new(),
            pauses: story.pauses,
            buffer,
            sent: Vec::new(),
            held: String::new(),
            outcome: None,
            rest: String::new(),
            read: 0,
            text: String::new(),
            over: false,
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Reserve => self.reserve(),
            Step::GiveBack => drop(self.permits.pop()),
            Step::Send(text, held) => self.send(text, held),
            Step::Read => self.read(),
            Step::Abort => {
                self.stream.abort();
                let held = self.held.clone();
                self.end(Ok(FinishReason::Cancelled), held);
            }
            Step::Finish(held) => self.finish(letters(held % 8, 'h')),
            Step::Fail => self.fail(),
            Step::DropSink => self.drop_sink(),
        }
        let closed = self.sink.as_ref().map(TokenSink::is_cancelled);
        assert!(closed.is_none_or(|closed| closed == self.outcome.is_some()));
        assert_eq!(self.stream.usage().completion_tokens, self.sent.len());
    }

    fn reserve(&mut self) {
        let Some(sink) = &self.sink else { return };
        let taken = self.sent.len() - self.read + self.permits.len();
        let full = self.pauses && taken >= self.buffer;
        match (sink.try_reserve(), &self.outcome) {
            (Err(ReserveError::Closed), Some(_)) => {}
            (Err(ReserveError::Full), None) => assert!(full, "there is room"),
            (Ok(permit), None) => {
                assert!(!full, "there is no room");
                self.permits.push(permit);
            }
            (other, end) => panic!("{other:?} after the end {end:?}"),
        }
    }

    fn send(&mut self, text: u8, held: u8) {
        let Some(permit) = self.permits.pop() else {
            return;
        };
        let token = Token {
            held: letters(held % 4, 'd'),
            ..Token::new(self.sent.len() as u32, letters(text % 4, 'a'))
        };
        if self.outcome.is_none() {
            self.sent.push(token.text.clone());
            self.held.clone_from(&token.held);
        }
        permit.send(token);
    }

    fn finish(&mut self, held_text: String) {
        if let Some(sink) = self.sink.take() {
            self.end(Ok(FinishReason::Length), held_text.clone());
            let reason = FinishReason::Length;
            sink.finish(Finish { reason, held_text });
        }
    }

    fn fail(&mut self) {
        if let Some(sink) = self.sink.take() {
            let error = Error::Engine("broken".into());
            self.end(Err(error.clone()), self.held.clone());
            sink.fail(error);
        }
    }

    fn drop_sink(&mut self) {
        if self.sink.take().is_some() {
            self.end(Err(Error::Abandoned), self.held.clone());
        }
    }

    fn end(&mut self, outcome: Result<FinishReason, Error>, rest: String) {
        if self.outcome.is_none() {
            self.outcome = Some(outcome);
            self.rest = rest;
        }
    }

    /// Reads one record, or finds that there is none.
    fn read(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        let waiting = self.read < self.sent.len() || self.whole().len() > self.text.len();
        match self.stream.poll_next_unpin(&mut context) {
            Poll::Ready(Some(Ok(record))) => {
                assert!(waiting, "{record:?} out of nothing");
                assert_eq!(
                    record.span,
                    self.text.len()..self.text.len() + record.text.len()
                );
                let ids = self.read as u32..(self.read + record.tokens) as u32;
                assert!(
                    record.ids().eq(ids),
                    "{record:?} after {} tokens",
                    self.read
                );
                self.read += record.tokens;
                self.text += &record.text;
            }
            Poll::Ready(Some(Err(error))) => {
                assert!(!waiting && !std::mem::replace(&mut self.over, true));
                assert_eq!(self.outcome, Some(Err(error)));
            }
            Poll::Ready(None) => {
                assert!(!waiting && self.outcome.is_some());
                assert!(self.over || self.outcome.as_ref().is_some_and(Result::is_ok));
                self.over = true;
            }
            Poll::Pending => assert!(!waiting && self.outcome.is_none()),
        }
    }

    fn whole(&self) -> String {
        self.sent.concat() + &self.rest
    }

    /// Ends the stream, if nobody did, and reads it to the end.
    fn conclude(mut self) {
        self.drop_sink();
        self.permits.clear();
        while !self.over {
            self.read();
        }
        assert_eq!(
            (self.read, self.stream.text()),
            (self.sent.len(), &*self.whole())
        );
        let end = self.stream.end().cloned().expect("an end");
        assert_eq!(Some(end.outcome), self.outcome);
        assert_eq!(block_on(self.stream.next()), None);
    }
}

fuzz_target!(init: prepare(), |story: Story| {
    examine(&story, |story| {
        let mut told = Told::new(story);
        story.steps.iter().for_each(|step| told.step(*step));
        told.conclude();
    });
});
