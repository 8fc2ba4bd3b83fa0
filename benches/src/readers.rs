//! Ways to read many streams at once, with what the readers saw.

use std::future::{poll_fn, ready};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::Builder;

use futures::executor::block_on;
use futures::stream::FuturesUnordered;
use futures::{Stream, StreamExt};
use tokio::runtime::Runtime;

/// The name of the threads that [`Readers`] starts.
pub const THREAD: &str = "readers";

/// What a reader saw.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Read {
    /// Tokens.
    pub tokens: usize,
    /// Items, of one token or of several.
    pub items: usize,
    /// How often there was nothing, so that it had to be woken.
    pub wakes: usize,
}

impl Read {
    /// Adds what another reader saw.
    pub fn add(&mut self, other: Self) {
        self.tokens += other.tokens;
        self.items += other.items;
        self.wakes += other.wakes;
    }
}

/// Readers at work, each on a stream that it reads to its end.
#[derive(Debug)]
pub struct Readers {
    reads: Receiver<Read>,
    /// Threads whose work is done stay as long as this, so that their cost can be read.
    _stay: Vec<Sender<()>>,
}

impl Readers {
    /// A task of tokio for each stream; `tokens` tells how many an item carries.
    pub fn tasks<S: Stream + Unpin + Send + 'static>(
        runtime: &Runtime,
        streams: impl IntoIterator<Item = S>,
        tokens: fn(S::Item) -> usize,
    ) -> Self {
        let (done, reads) = channel();
        for stream in streams {
            let done = done.clone();
            runtime.spawn(async move { done.send(read(stream, tokens).await) });
        }
        Self {
            reads,
            _stay: Vec::new(),
        }
    }

    /// One thread for all streams.
    pub fn one_thread<S: Stream + Unpin + Send + 'static>(
        streams: impl IntoIterator<Item = S>,
        tokens: fn(S::Item) -> usize,
    ) -> Self {
        let readers: FuturesUnordered<_> = streams.into_iter().map(|s| read(s, tokens)).collect();
        Self::on_threads([move || block_on(sum(readers))])
    }

    /// A thread for each stream, which blocks while it waits.
    pub fn threads<S: Stream + Unpin + Send + 'static>(
        streams: impl IntoIterator<Item = S>,
        tokens: fn(S::Item) -> usize,
    ) -> Self {
        let streams = streams.into_iter();
        Self::on_threads(streams.map(|stream| move || block_on(read(stream, tokens))))
    }

    fn on_threads<W: FnOnce() -> Read + Send + 'static>(
        works: impl IntoIterator<Item = W>,
    ) -> Self {
        let (done, reads) = channel();
        let start = |work: W| {
            let (done, (stay, leave)) = (done.clone(), channel::<()>());
            let run = move || {
                let sent = done.send(work());
                drop(done);
                // Hangs up when the readers are dropped.
                sent.is_ok() && leave.recv().is_ok()
            };
            let thread = Builder::new().name(THREAD.into()).spawn(run);
            thread.expect("there are threads");
            stay
        };
        let _stay = works.into_iter().map(start).collect();
        Self { reads, _stay }
    }

    /// Waits for the ends of all streams.
    pub fn wait(&self) -> Read {
        let mut all = Read::default();
        self.reads.iter().for_each(|read| all.add(read));
        all
    }
}

async fn sum(reads: impl Stream<Item = Read>) -> Read {
    let add = |mut all: Read, read| {
        all.add(read);
        ready(all)
    };
    reads.fold(Read::default(), add).await
}

/// Reads a stream to its end.
async fn read<S: Stream + Unpin>(mut stream: S, tokens: fn(S::Item) -> usize) -> Read {
    let mut read = Read::default();
    loop {
        let next = poll_fn(|cx| {
            let polled = stream.poll_next_unpin(cx);
            read.wakes += usize::from(polled.is_pending());
            polled
        });
        let Some(item) = next.await else {
            return read;
        };
        read.items += 1;
        read.tokens += tokens(item);
    }
}
