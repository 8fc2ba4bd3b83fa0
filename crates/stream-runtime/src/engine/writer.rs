//! The threads that make text and own the sinks.
//!
//! They never wait for the model: while a step runs, or hangs, everything that was chosen before
//! it goes out, and streams end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use stream_core::{
    Enrolled, Error, Finish, FinishReason, Logprob, Permit, Stop, Token, TokenId, TokenLogprobs,
    TokenSink, Tokenizer, Wakeup,
};

use super::panic_message;
use super::stats::Board;
use super::timer::Run;
use super::trail::Trail;
use crate::ascending::Ascending;
use crate::text::{Piece, TextAssembler, UnknownToken};
use crate::{Probable, Scored, SequenceId};

/// What the model's thread says of a sequence. The last thing that it says brings the
/// sequence's place: the place is free when the stream has ended and so has the work.
pub(super) enum Event {
    /// It is accepted.
    Begin(Box<Voice>),
    /// How probable its prompt is, before the first token.
    PromptScored(Vec<Scored>),
    /// It goes on.
    Token(Made),
    /// It ends with this token. The rest is boxed, because it comes once and would make every
    /// event larger.
    Last(Made, Box<(FinishReason, Enrolled)>),
    /// It ends with an error.
    Failed(Error, Enrolled),
    /// It ends without another token.
    Ended(FinishReason, Enrolled),
    /// Its stream had ended, and now its work has too.
    Closed(Enrolled),
}

/// A token that the model chose.
pub(super) struct Made {
    pub(super) id: TokenId,
    pub(super) scored: Option<Box<Scored>>,
    pub(super) permit: Permit,
    pub(super) sampled: Instant,
}

impl Made {
    fn send(self, text: String, held: String, post: &mut Post<'_>) {
        let tokenizer = post.tokenizer;
        post.wakeups.extend(self.permit.send_unannounced(Token {
            id: Some(self.id),
            text,
            held,
            logprobs: self.scored.map(|scored| told(*scored, tokenizer)),
            sampled: self.sampled,
        }));
    }
}

/// What it takes to send a token.
struct Post<'a> {
    tokenizer: &'a dyn Tokenizer,
    /// The readers to be woken when all news is out.
    wakeups: &'a mut Vec<Wakeup>,
}

/// Gives tokens their bytes.
fn told(scored: Scored, tokenizer: &dyn Tokenizer) -> TokenLogprobs {
    let told = |probable: Probable| Logprob {
        id: Some(probable.id),
        bytes: tokenizer
            .token_bytes(probable.id)
            .unwrap_or_default()
            .to_vec(),
        logprob: probable.logprob,
        rank: Some(probable.rank),
    };
    TokenLogprobs {
        token: told(scored.token),
        top: scored.top.into_iter().map(told).collect(),
    }
}

/// A stream with the text that it carries.
pub(super) struct Voice {
    sink: TokenSink,
    text: TextAssembler,
    trail: Trail,
    /// When its newest token was chosen.
    newest: Option<Instant>,
}

impl Voice {
    pub(super) fn new(sink: TokenSink, stop: &Stop, trail: Trail) -> Self {
        Self {
            sink,
            text: TextAssembler::new(stop),
            trail,
            newest: None,
        }
    }

    /// The time since the token before this one.
    fn note(&mut self, token: &Made) -> Option<Duration> {
        let before = self.newest.replace(token.sampled);
        if before.is_none() {
            self.trail.first_token();
        }
        Some(token.sampled - before?)
    }

    /// Sends a token with the text that it releases; a stop string may end the stream here.
    fn say(
        &mut self,
        token: Made,
        post: &mut Post<'_>,
    ) -> Result<Option<FinishReason>, UnknownToken> {
        let piece = self.text.push(post.tokenizer, token.id)?;
        token.send(piece.text, self.text.held(), post);
        Ok(piece.stop.map(FinishReason::StopString))
    }

    /// Sends the last token with all text that is left. A token that ends the answer adds none.
    fn say_last(
        &mut self,
        token: Made,
        reason: FinishReason,
        post: &mut Post<'_>,
    ) -> Result<FinishReason, UnknownToken> {
        let piece = match reason {
            FinishReason::Length => self.text.push(post.tokenizer, token.id)?,
            _ => Piece::default(),
        };
        let rest = self.text.finish();
        token.send(piece.text + &rest.text, String::new(), post);
        let stop = piece.stop.or(rest.stop);
        Ok(stop.map_or(reason, FinishReason::StopString))
    }
}

/// The model thread's way to the threads that make text. Each has its share of the sequences.
pub(super) struct Writers {
    shards: Vec<Shard>,
}

/// The way to one of the threads.
struct Shard {
    /// What it is told next.
    outbox: News,
    sender: SyncSender<News>,
}

/// What has happened since the news before, in order.
pub(super) type News = Vec<(SequenceId, Event)>;

impl Writers {
    /// So many channels, each bounded by `backlog` [`News`], and the threads' ends of them.
    pub(super) fn new(threads: usize, backlog: usize) -> (Self, Vec<Receiver<News>>) {
        let shard = |_| {
            let (sender, end) = sync_channel(backlog);
            let outbox = News::new();
            (Shard { outbox, sender }, end)
        };
        let (shards, ends) = (0..threads).map(shard).unzip();
        (Self { shards }, ends)
    }

    /// To be sent with the next news.
    pub(super) fn tell(&mut self, sequence: SequenceId, event: Event) {
        let shard = sequence.0 as usize % self.shards.len();
        self.shards[shard].outbox.push((sequence, event));
    }

    /// Sends the news: one message, and so one wake of a thread, for a whole step. Waits while
    /// the backlog is full.
    pub(super) fn send(&mut self) {
        for Shard { outbox, sender } in &mut self.shards {
            if !outbox.is_empty() {
                let room = News::with_capacity(outbox.len());
                // A writer goes on after every panic, so it takes all that is sent.
                let _ = sender.send(std::mem::replace(outbox, room));
            }
        }
    }
}

/// One thread's share of the streams.
pub(super) struct Writer {
    tokenizer: Arc<dyn Tokenizer>,
    board: Arc<Board>,
    voices: Ascending<Box<Voice>>,
    /// Readers that have something new. They are woken together: where a few threads read many
    /// streams, each is woken once and not for every token.
    wakeups: Vec<Wakeup>,
    /// The time between tokens, as long as it stays the same.
    pace: Run,
}

impl Writer {
    pub(super) fn new(tokenizer: Arc<dyn Tokenizer>, board: Arc<Board>) -> Self {
        Self {
            tokenizer,
            board,
            voices: Ascending::default(),
            wakeups: Vec::new(),
            pace: Run::default(),
        }
    }

    /// Works until the model's thread has ended.
    pub(super) fn run(mut self, news: Receiver<News>) {
        for news in news {
            for (sequence, event) in news {
                let handled = catch_unwind(AssertUnwindSafe(|| self.handle(sequence, event)));
                if let Err(panic) = handled {
                    self.fail(sequence, panic_message(&*panic));
                }
            }
            self.wakeups.clear();
            self.pace.end(&self.board.timers().inter_token);
        }
    }

    fn handle(&mut self, sequence: SequenceId, event: Event) {
        match event {
            Event::Begin(voice) => self.voices.push(sequence, voice),
            Event::PromptScored(scores) => self.tell(sequence, scores),
            Event::Token(token) => self.say(sequence, token),
            // The place is given back when the stream has ended.
            Event::Last(token, end) => {
                let (reason, _place) = *end;
                self.say_last(sequence, token, reason);
            }
            Event::Failed(error, _place) => self.end(sequence, Err(error)),
            Event::Ended(reason, _place) => self.finish(sequence, reason),
            Event::Closed(_place) => self.end(sequence, Ok(FinishReason::Cancelled)),
        }
    }

    fn tell(&mut self, sequence: SequenceId, scores: Vec<Scored>) {
        if let Some(voice) = self.voices.get(sequence) {
            let told = scores
                .into_iter()
                .map(|scored| told(scored, &*self.tokenizer));
            voice.sink.set_prompt_logprobs(told.collect());
        }
    }

    /// After a stop string the model may send one token more: nobody is there to say it.
    fn say(&mut self, sequence: SequenceId, token: Made) {
        let Some(voice) = self.voices.get_mut(sequence) else {
            return;
        };
        if let Some(time) = voice.note(&token) {
            self.pace.add(time, &self.board.timers().inter_token);
        }
        let mut post = Post {
            tokenizer: &*self.tokenizer,
            wakeups: &mut self.wakeups,
        };
        match voice.say(token, &mut post) {
            Ok(None) => {}
            Ok(Some(reason)) => self.end(sequence, Ok(reason)),
            Err(unknown) => self.fail(sequence, unknown),
        }
    }

    fn say_last(&mut self, sequence: SequenceId, token: Made, reason: FinishReason) {
        let Some(voice) = self.voices.get_mut(sequence) else {
            return;
        };
        if let Some(time) = voice.note(&token) {
            self.pace.add(time, &self.board.timers().inter_token);
        }
        let mut post = Post {
            tokenizer: &*self.tokenizer,
            wakeups: &mut self.wakeups,
        };
        match voice.say_last(token, reason, &mut post) {
            Ok(reason) => self.end(sequence, Ok(reason)),
            Err(unknown) => self.fail(sequence, unknown),
        }
    }

    /// The stream ends without another token.
    fn finish(&mut self, sequence: SequenceId, reason: FinishReason) {
        let Some(voice) = self.voices.get_mut(sequence) else {
            return;
        };
        let rest = voice.text.finish();
        let reason = rest.stop.map_or(reason, FinishReason::StopString);
        self.end_with(sequence, Ok(reason), rest.text);
    }

    fn fail(&mut self, sequence: SequenceId, message: impl ToString) {
        let message = message.to_string();
        self.end(sequence, Err(Error::Engine(message.into())));
    }

    fn end(&mut self, sequence: SequenceId, outcome: Result<FinishReason, Error>) {
        self.end_with(sequence, outcome, String::new());
    }

    fn end_with(
        &mut self,
        sequence: SequenceId,
        outcome: Result<FinishReason, Error>,
        held_text: String,
    ) {
        let Some(voice) = self.voices.remove(sequence) else {
            return;
        };
        let Voice { sink, trail, .. } = *voice;
        self.pace.end(&self.board.timers().inter_token);
        self.board.count_end(&sink, &outcome);
        trail.end(&sink.gate(), &outcome);
        match outcome {
            Ok(reason) => sink.finish(Finish { reason, held_text }),
            Err(error) => sink.fail(error),
        }
    }
}
