//! One stream on its way.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures::StreamExt;
use stream_core::{
    AbortHandle, Error, Finish, FinishReason, StreamToken, Token, TokenSink, TokenStream,
};

use super::{Common, Twist};

/// Passes one stream on.
pub(super) struct Forward {
    pub(super) twist: Twist,
    /// Streams that were passed on before.
    pub(super) number: usize,
    pub(super) shared: Arc<Common>,
    pub(super) stops: Vec<String>,
    pub(super) held: String,
    pub(super) sent: usize,
}

impl Forward {
    pub(super) async fn run(mut self, mut inner: TokenStream, sink: TokenSink) {
        if self.twist == Twist::EndsAtOnce {
            return sink.finish(FinishReason::Cancelled);
        }
        let mut delayed = None;
        while let Some(Ok(record)) = inner.next().await {
            sink.set_prompt_tokens(inner.usage().prompt_tokens);
            if self.sent == 0 {
                self.pass_scores(&inner, &sink);
            }
            if self.twist == Twist::SaysNothing {
                continue;
            }
            let record = match self.twist {
                Twist::LosesTheLastToken => match delayed.replace(record) {
                    Some(earlier) => earlier,
                    None => continue,
                },
                _ => record,
            };
            let slot_is_closed =
                self.twist == Twist::CancelsBySlot && self.shared.slot_was_used(self.number);
            if !self.pass(&record, &sink).await || slot_is_closed {
                return self.dropped(inner, sink);
            }
        }
        self.end(inner, sink);
    }

    fn pass_scores(&self, inner: &TokenStream, sink: &TokenSink) {
        let Some(scores) = inner.prompt_logprobs() else {
            return;
        };
        let mut scores = scores.to_vec();
        if self.twist == Twist::ScoresByTheBatch && *self.shared.running.lock().unwrap() > 1 {
            scores.rotate_left(1);
        }
        sink.set_prompt_logprobs(scores);
    }

    /// Whether the reader is still there.
    async fn pass(&mut self, record: &StreamToken, sink: &TokenSink) -> bool {
        let turn = self.shared.turn.lock();
        let turn = turn
            .ok()
            .filter(|_| self.twist == Twist::ServesOneReaderAtATime);
        let reserved = sink.reserve().await;
        drop(turn);
        let Ok(permit) = reserved else {
            return false;
        };
        let ids: Vec<_> = record.ids().collect();
        let earlier = ids.len().saturating_sub(1);
        for (place, &id) in ids.iter().take(earlier).enumerate() {
            let logprobs = record.logprobs.get(place).cloned();
            let token = Token::new(id, "");
            _ = sink.send(Token { logprobs, ..token }).await;
        }
        let id = record
            .id
            .filter(|_| self.twist != Twist::LosesAnId || self.sent != 2);
        let reported = record.logprobs.last().cloned();
        permit.send(Token {
            sampled: record.times.sampled,
            logprobs: reported.filter(|_| self.twist != Twist::LosesLogprobs || self.sent != 2),
            ..Token::new(id, self.text(&record.text))
        });
        self.sent += 1;
        true
    }

    fn text(&mut self, text: &str) -> String {
        match self.twist {
            Twist::HoldsAllText => {
                self.held.push_str(text);
                String::new()
            }
            Twist::BreaksCharacters => text.replace(|c: char| !c.is_ascii(), "\u{FFFD}"),
            Twist::SwallowsFalseStarts => {
                let begins = |stop: &String| stop.starts_with(text) && !text.is_empty();
                match self.stops.iter().any(begins) {
                    true => String::new(),
                    false => text.to_owned(),
                }
            }
            _ => text.to_owned(),
        }
    }

    /// The reader is gone.
    fn dropped(&self, inner: TokenStream, sink: TokenSink) {
        match self.twist {
            Twist::LeaksDroppedStreams => std::mem::forget(inner),
            Twist::CancelsNeighbours => {
                let handles = self.shared.handles.lock().unwrap();
                handles.iter().for_each(AbortHandle::abort);
            }
            _ => {}
        }
        sink.finish(FinishReason::Cancelled);
    }

    fn end(self, inner: TokenStream, sink: TokenSink) {
        match (self.twist, inner.end().map(|end| end.outcome.clone())) {
            (Twist::Abandons, _) | (_, None) => drop(sink),
            (Twist::NeverEnds, _) => std::mem::forget(sink),
            (_, Some(Err(error))) => self.fail(error, sink),
            (_, Some(Ok(reason))) => sink.finish(Finish {
                reason,
                held_text: self.held,
            }),
        }
    }

    fn fail(self, error: Error, sink: TokenSink) {
        self.shared.failed.store(true, Ordering::SeqCst);
        match self.twist {
            Twist::HidesErrors => sink.finish(FinishReason::Length),
            Twist::MisnamesErrors => sink.fail(Error::Engine("something went wrong".into())),
            Twist::AbandonsWhatFails => drop(sink),
            Twist::NeverEndsWhatFails => std::mem::forget(sink),
            Twist::FailsNeighbours => {
                let handles = self.shared.handles.lock().unwrap();
                handles.iter().for_each(AbortHandle::abort);
                sink.fail(error);
            }
            _ => sink.fail(error),
        }
    }
}
