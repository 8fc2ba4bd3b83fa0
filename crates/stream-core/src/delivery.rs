//! How tokens reach their reader, and how long that may take.

use std::time::Duration;

use crate::InvalidRequest;

/// The largest buffer that one stream may ask for, in tokens.
const MAX_BUFFER: usize = 65_536;

/// What happens when the reader does not empty its buffer. It never touches another stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SlowReader {
    /// Go on: new tokens join the newest waiting record. Ids and text are kept, bounded by the
    /// request's `max_tokens`.
    #[default]
    Coalesce,
    /// Stop making tokens for this stream until there is room.
    Pause,
    /// Pause, and end the stream if a full buffer stands for this long.
    Abort {
        /// The longest stall that is borne.
        after: Duration,
    },
}

/// The buffer of a stream and what happens when it is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    buffer: usize,
    slow_reader: SlowReader,
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            buffer: 64,
            slow_reader: SlowReader::Coalesce,
        }
    }
}

impl Delivery {
    /// A buffer of so many token records, 1 to 65,536.
    ///
    /// # Errors
    /// If the buffer is 0 or too large.
    pub fn new(buffer: usize, slow_reader: SlowReader) -> Result<Self, InvalidRequest> {
        if (1..=MAX_BUFFER).contains(&buffer) {
            return Ok(Self {
                buffer,
                slow_reader,
            });
        }
        Err(InvalidRequest::new(
            "buffer",
            buffer,
            format!("from 1 to {MAX_BUFFER} tokens"),
        ))
    }

    /// Token records that may wait for the reader.
    pub fn buffer(&self) -> usize {
        self.buffer
    }

    /// What happens when the buffer is full.
    pub fn slow_reader(&self) -> SlowReader {
        self.slow_reader
    }
}

/// How long the parts of a request may take; `None` is for ever. A deadline ends its stream even
/// while the engine hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Deadlines {
    /// From submission until the request first enters a step.
    pub queue: Option<Duration>,
    /// From submission to the first token.
    pub first_token: Option<Duration>,
    /// From one token to the next; a reader's own stall does not count.
    pub between_tokens: Option<Duration>,
    /// From submission to the end.
    pub total: Option<Duration>,
}
