//! One stream of an answer, written as events.

use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use futures::StreamExt;
use futures::stream::FusedStream;
use serde::Serialize;
use stream_core::{Error, StreamToken, TokenStream, Usage};

use super::{Head, letters};
use crate::job::Kind;
use crate::reply::{chat_logprobs, completion_logprobs, finish_reason, stop_reason};
use crate::sse::{ChunkWriter, Extras};
use crate::tools::{Piece, ToolReader, ToolStyle};

/// A stream and how its records are written.
pub(super) struct Choice {
    stream: TokenStream,
    writer: ChunkWriter,
    kind: Kind,
    tools: Option<ToolReader>,
    /// Parts that are not written yet.
    pieces: Vec<Piece>,
    logprobs: bool,
    token_ids: bool,
    /// Read, but not written.
    peeked: Option<StreamToken>,
    begun: bool,
    pub(super) ended: bool,
}

impl Choice {
    pub(super) fn new(stream: TokenStream, head: &Head, index: usize) -> Self {
        let mut pieces = Vec::new();
        let style = &head.form.tools;
        let tools = (*style != ToolStyle::None).then(|| ToolReader::new(style, &mut pieces));
        Self {
            stream,
            writer: ChunkWriter::new(head.chunk(), index),
            kind: head.form.kind,
            tools,
            pieces,
            logprobs: head.form.logprobs,
            token_ids: head.form.token_ids,
            peeked: None,
            begun: false,
            ended: false,
        }
    }

    pub(super) fn usage(&self) -> Usage {
        self.stream.usage()
    }

    pub(super) fn first_token(&self) -> Option<Duration> {
        self.stream.timings().time_to_first_token()
    }

    /// OpenAI's word for its end, if it ended well.
    pub(super) fn reason(&self) -> Option<&'static str> {
        let calls = self.tools.as_ref().map_or(0, ToolReader::calls);
        let outcome = self.stream.end()?.outcome.as_ref().ok()?;
        Some(finish_reason(outcome, calls))
    }

    /// Waits for the first thing that the stream says, and keeps it.
    pub(super) fn poll_first(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.peeked.is_some() || self.stream.is_terminated() {
            return Poll::Ready(Ok(()));
        }
        match self.stream.poll_next_unpin(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(None) => Poll::Ready(Ok(())),
            Poll::Ready(Some(Err(error))) => Poll::Ready(Err(error)),
            Poll::Ready(Some(Ok(record))) => {
                self.peeked = Some(record);
                Poll::Ready(Ok(()))
            }
        }
    }

    /// Writes what the stream says now. Ready if it has said all; the error that ended it is the
    /// last thing that it says.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut BytesMut,
        most: usize,
    ) -> Poll<Result<(), Error>> {
        if let Some(record) = self.peeked.take() {
            self.write(out, &record);
        }
        while out.len() < most {
            match self.stream.poll_next_unpin(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(record))) => self.write(out, &record),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                Poll::Ready(None) => {
                    self.end(out);
                    self.ended = true;
                    return Poll::Ready(Ok(()));
                }
            }
        }
        // There may be more: what is written is sent, and the reader comes back for the rest.
        Poll::Pending
    }

    fn begin(&mut self, out: &mut BytesMut) {
        if !self.begun && self.kind == Kind::Chat {
            self.writer.role(out);
        }
        self.begun = true;
    }

    fn write(&mut self, out: &mut BytesMut, record: &StreamToken) {
        self.begin(out);
        if let Some(tools) = &mut self.tools {
            tools.push(&record.text, &mut self.pieces);
            self.write_pieces(out);
        } else if self.logprobs || self.token_ids {
            self.write_full(out, record);
        } else if !record.text.is_empty() {
            self.writer.text(out, &record.text);
        }
    }

    /// A record with what was asked for beside its text.
    fn write_full(&self, out: &mut BytesMut, record: &StreamToken) {
        let logprobs = (self.logprobs && !record.logprobs.is_empty()).then(|| {
            let value = match self.kind {
                Kind::Chat => chat_logprobs(&record.logprobs),
                Kind::Completion => completion_logprobs(&record.logprobs, record.span.start),
            };
            value.to_string()
        });
        let ids: Vec<_> = record.ids().collect();
        let extras = Extras {
            logprobs: logprobs.as_deref(),
            token_ids: self.token_ids.then_some(&ids),
        };
        self.writer.text_with(out, &record.text, extras);
    }

    fn write_pieces(&mut self, out: &mut BytesMut) {
        for piece in self.pieces.drain(..) {
            match piece {
                Piece::Text(text) => self.writer.text(out, &text),
                Piece::Call { index, name } => {
                    let call = Delta::call(index, name);
                    self.writer.delta(out, &call);
                }
                Piece::Arguments { index, text } => {
                    let arguments = Delta::arguments(index, text);
                    self.writer.delta(out, &arguments);
                }
            }
        }
    }

    fn end(&mut self, out: &mut BytesMut) {
        self.begin(out);
        if let Some(tools) = &mut self.tools {
            tools.finish(&mut self.pieces);
            self.write_pieces(out);
        }
        let calls = self.tools.as_ref().map_or(0, ToolReader::calls);
        if let Some(Ok(reason)) = self.stream.end().map(|end| &end.outcome) {
            let stop = stop_reason(reason).map(|stop| stop.to_string());
            let word = finish_reason(reason, calls);
            self.writer.finish(out, word, stop.as_deref());
        }
    }
}

/// A delta with a part of a call.
#[derive(Serialize)]
struct Delta {
    tool_calls: [DeltaCall; 1],
}

#[derive(Serialize)]
struct DeltaCall {
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'static str>,
    function: DeltaFunction,
}

#[derive(Serialize)]
struct DeltaFunction {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    arguments: String,
}

impl Delta {
    fn call(index: usize, name: String) -> Vec<u8> {
        Self::json(DeltaCall {
            index,
            id: Some(format!("call_{}", letters())),
            r#type: Some("function"),
            function: DeltaFunction {
                name: Some(name),
                arguments: String::new(),
            },
        })
    }

    fn arguments(index: usize, arguments: String) -> Vec<u8> {
        Self::json(DeltaCall {
            index,
            id: None,
            r#type: None,
            function: DeltaFunction {
                name: None,
                arguments,
            },
        })
    }

    fn json(call: DeltaCall) -> Vec<u8> {
        let delta = Self { tool_calls: [call] };
        // Texts and numbers always have a JSON.
        serde_json::to_vec(&delta).unwrap_or_default()
    }
}
