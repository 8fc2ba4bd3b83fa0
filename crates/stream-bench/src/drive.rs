//! The load generator: sends the requests of a round to a backend, and notes when what came back.
//!
//! One thread sends and one reads, however many streams there are, so that the measuring takes
//! little from the measured. The sender waits until a request is due and, where the round bounds
//! them, until fewer are under way. A stream's buffer holds its whole answer: nothing is merged,
//! and no engine waits for the reader.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::channel::mpsc;
use futures::executor::block_on;
use stream_core::{
    Backend, BackendExt, Capabilities, Deadlines, Error, FinishReason, InvalidRequest, Request,
    Stop, Support, TokenStream,
};

use crate::protocol::{Ask, Input, Outcome, Record, Round};

/// The largest buffer that a stream may ask for.
const MAX_BUFFER: usize = 65_536;

/// A request that was sent.
struct Sent {
    index: usize,
    record: Record,
    stream: Result<TokenStream, String>,
}

/// Runs a round. `done` is told of each request that ends, with how many have ended.
pub fn drive(backend: &dyn Backend, round: &Round, done: &mut dyn FnMut(usize)) -> Outcome {
    let count = round.requests.len();
    let (sent, streams) = mpsc::channel(count);
    let (room, free) = sync_channel(2 * count);
    for _ in 0..round.concurrency.unwrap_or(count).min(count) {
        // The channel has place for all of them, and its receiver is alive.
        let _ = room.send(());
    }
    let start = Instant::now();
    let requests = std::thread::scope(|scope| {
        scope.spawn(move || send_all(backend, round, start, &free, sent));
        block_on(read_all(streams, count, start, &room, done))
    });
    Outcome {
        duration_s: seconds(start, Instant::now()),
        requests,
    }
}

/// Sends each request when it is due and there is room for it.
fn send_all(
    backend: &dyn Backend,
    round: &Round,
    start: Instant,
    free: &Receiver<()>,
    mut sent: mpsc::Sender<Sent>,
) {
    for (index, ask) in round.requests.iter().enumerate() {
        let due = start + limit(ask.arrival_s);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        if free.recv().is_err() {
            return;
        }
        let record = Record {
            arrival_s: ask.arrival_s,
            sent_s: seconds(start, Instant::now()),
            ..Record::default()
        };
        let stream = submit(backend, ask, limit(round.timeout_s));
        let message = Sent {
            index,
            record,
            stream,
        };
        // The channel has place for every request of the round.
        if sent.try_send(message).is_err() {
            return;
        }
    }
}

/// The longest wait there is, where the seconds are no sensible number.
fn limit(seconds: f64) -> Duration {
    const LONGEST: Duration = Duration::from_secs(1 << 30);
    Duration::try_from_secs_f64(seconds).map_or(LONGEST, |found| found.min(LONGEST))
}

fn submit(backend: &dyn Backend, ask: &Ask, timeout: Duration) -> Result<TokenStream, String> {
    let request = request(ask, &backend.info().capabilities, timeout);
    let request = request.map_err(|error| error.to_string())?;
    backend.generate(request).map_err(|error| error.to_string())
}

/// The request, greedy and of exact length as far as the backend can.
fn request(
    ask: &Ask,
    capabilities: &Capabilities,
    timeout: Duration,
) -> Result<Request, InvalidRequest> {
    let deadlines = Deadlines {
        total: Some(timeout),
        ..Deadlines::default()
    };
    let mut request = match &ask.prompt {
        Input::Tokens(ids) => Request::tokens(ids.clone()),
        Input::Text(text) => Request::raw(text.clone()),
    }
    .max_tokens(ask.max_tokens)
    .buffer(ask.max_tokens.clamp(1, MAX_BUFFER))
    .deadlines(deadlines);
    if can(capabilities.sampling) {
        request = request.greedy();
    }
    if can(capabilities.stop_ids) {
        request = request.stop(Stop::builder().ignore_eos().build()?);
    }
    request.build()
}

pub(crate) fn can(support: Support) -> bool {
    support != Support::Unsupported
}

/// Reads all streams at once, until each request has ended.
async fn read_all(
    streams: mpsc::Receiver<Sent>,
    count: usize,
    start: Instant,
    room: &SyncSender<()>,
    done: &mut dyn FnMut(usize),
) -> Vec<Record> {
    let mut records = vec![Record::default(); count];
    let mut ended = 0;
    let reading = streams.map(|sent| read(sent, start));
    let mut reading = std::pin::pin!(reading.buffer_unordered(count.max(1)));
    while let Some((index, record)) = reading.next().await {
        records[index] = record;
        ended += 1;
        // The sender may have no more to send.
        let _ = room.try_send(());
        done(ended);
    }
    records
}

/// Reads one stream to its end.
async fn read(sent: Sent, start: Instant) -> (usize, Record) {
    let mut record = sent.record;
    match sent.stream {
        Ok(mut stream) => note(&mut record, &mut stream, start).await,
        Err(refused) => {
            record.ended_s = seconds(start, Instant::now());
            record.error = Some(refused);
        }
    }
    (sent.index, record)
}

async fn note(record: &mut Record, stream: &mut TokenStream, start: Instant) {
    while let Some(item) = stream.next().await {
        if item.is_ok_and(|token| token.tokens > 0) {
            record.tokens_s.push(seconds(start, Instant::now()));
        }
    }
    record.ended_s = seconds(start, Instant::now());
    let usage = stream.usage();
    record.prompt_tokens = usage.prompt_tokens;
    record.output_tokens = usage.completion_tokens;
    let scheduled = stream.timings().scheduled;
    record.scheduled_s = scheduled.map(|at| seconds(start, at));
    record.error = match stream.end().map(|end| &end.outcome) {
        Some(Ok(FinishReason::Cancelled)) => Some("it was cancelled".to_owned()),
        Some(Ok(_)) => None,
        Some(Err(error)) => Some(error.to_string()),
        None => Some(Error::Abandoned.to_string()),
    };
}

fn seconds(start: Instant, at: Instant) -> f64 {
    at.saturating_duration_since(start).as_secs_f64()
}
