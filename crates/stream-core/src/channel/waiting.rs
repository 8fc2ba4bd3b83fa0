//! The records that wait for their reader.
//!
//! They are small, and their texts stand in one string: with many streams, the memory that a
//! token passes through costs more than the work on it. A reader's thread makes the whole
//! [`StreamToken`], with a text of its own that the same thread frees.

use std::collections::VecDeque;
use std::time::Instant;

use super::sink::Token;
use crate::{StreamToken, TokenId, TokenLogprobs, TokenTimes};

/// Records in order, and how far the reader is.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    records: VecDeque<Record>,
    /// The text of all records, after `gone` bytes that were handed out.
    text: String,
    gone: usize,
    /// Tokens and bytes that were handed out.
    tokens_before: usize,
    bytes_before: usize,
}

#[derive(Debug)]
struct Record {
    /// The newest token's.
    id: Option<TokenId>,
    /// 0 for text alone, and more than 1 if it was coalesced.
    tokens: usize,
    /// Bytes of its text.
    text: usize,
    sampled: Instant,
    released: Instant,
    more: Option<Box<More>>,
}

/// What few records have.
#[derive(Debug, Default)]
struct More {
    coalesced: Vec<Option<TokenId>>,
    logprobs: Vec<TokenLogprobs>,
}

impl Waiting {
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// A record for a token that is released now.
    pub(super) fn push(&mut self, token: Token, now: Instant) {
        let logprobs = token.logprobs.map(|logprobs| {
            Box::new(More {
                coalesced: Vec::new(),
                logprobs: vec![logprobs],
            })
        });
        self.text.push_str(&token.text);
        self.records.push_back(Record {
            id: token.id,
            tokens: 1,
            text: token.text.len(),
            sampled: token.sampled,
            released: now,
            more: logprobs,
        });
    }

    /// A record of text alone.
    pub(super) fn push_text(&mut self, text: &str, sampled: Instant, now: Instant) {
        self.text.push_str(text);
        self.records.push_back(Record {
            id: None,
            tokens: 0,
            text: text.len(),
            sampled,
            released: now,
            more: None,
        });
    }

    /// The token joins the newest record, or gets one of its own where none waits.
    pub(super) fn coalesce(&mut self, token: Token, now: Instant) {
        let Some(last) = self.records.back_mut() else {
            return self.push(token, now);
        };
        let more = last.more.get_or_insert_default();
        if last.tokens > 0 {
            more.coalesced.push(last.id);
        }
        more.logprobs.extend(token.logprobs);
        self.text.push_str(&token.text);
        last.id = token.id;
        last.tokens += 1;
        last.text += token.text.len();
        last.sampled = token.sampled;
        last.released = now;
    }

    /// The text joins the newest record; false where none waits.
    pub(super) fn append(&mut self, text: &str) -> bool {
        let Some(last) = self.records.back_mut() else {
            return false;
        };
        last.text += text.len();
        self.text.push_str(text);
        true
    }

    /// Hands out the oldest record, of a stream whose request was submitted at `queued` and
    /// entered its first step at `scheduled`.
    pub(super) fn pop(
        &mut self,
        queued: Instant,
        scheduled: Option<Instant>,
    ) -> Option<StreamToken> {
        let record = self.records.pop_front()?;
        let More {
            coalesced,
            logprobs,
        } = record.more.map_or_else(More::default, |more| *more);
        let text = self.take_text(record.text);
        let (index, start) = (self.tokens_before, self.bytes_before);
        self.tokens_before += record.tokens;
        self.bytes_before += record.text;
        Some(StreamToken {
            index: index + record.tokens.saturating_sub(1),
            id: record.id,
            text,
            span: start..self.bytes_before,
            tokens: record.tokens,
            coalesced,
            logprobs,
            times: TokenTimes {
                queued,
                // Text alone may have been sent before.
                scheduled: scheduled.map_or(record.sampled, |at| at.min(record.sampled)),
                sampled: record.sampled,
                released: record.released,
            },
        })
    }

    fn take_text(&mut self, bytes: usize) -> String {
        let end = self.gone + bytes;
        let text = self.text.get(self.gone..end).unwrap_or_default().to_owned();
        self.gone = end;
        if self.records.is_empty() {
            // Back to the beginning of both, which is in the processor's cache.
            self.records.clear();
            self.text.clear();
            self.gone = 0;
        } else if self.gone > self.text.len() / 2 {
            self.text.drain(..self.gone);
            self.gone = 0;
        }
        text
    }
}
