//! One request, from its first attempt to its end.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use backon::BackoffBuilder;
use bytes::Bytes;
use reqwest::Response;
use reqwest::header::CONTENT_TYPE;
use stream_core::{Enrolled, Error, Finish, FinishReason, Gate, TokenSink};

use crate::body::Body;
use crate::failure::{Failure, of_response, of_transport};
use crate::pool::{Lease, Pool};
use crate::reader::{Reader, protocol};
use crate::sse::EventParser;

/// What every request of a backend shares.
pub(crate) struct Shared {
    pub(crate) client: reqwest::Client,
    pub(crate) pool: Arc<Pool>,
    pub(crate) retries: usize,
    /// The longest time from the first attempt to the last.
    pub(crate) patience: Duration,
    pub(crate) most_bytes: usize,
}

/// A request, ready to be sent.
pub(crate) struct Job {
    pub(crate) path: &'static str,
    pub(crate) body: Bytes,
    pub(crate) top: usize,
    pub(crate) echo: bool,
}

impl Job {
    pub(crate) fn new(body: Body, top: usize, echo: bool) -> Self {
        Self {
            path: body.path,
            body: serde_json::Value::Object(body.json).to_string().into(),
            top,
            echo,
        }
    }
}

/// Answers a request. When its stream is ended from outside, the connection is dropped at once,
/// whatever the server does: that is how it learns that nobody listens.
pub(crate) async fn answer(shared: Arc<Shared>, job: Job, sink: TokenSink, place: Enrolled) {
    let gate = sink.gate();
    let outcome = tokio::select! {
        biased;
        () = closed(&gate) => Ok(FinishReason::Cancelled.into()),
        outcome = shared.attempts(&job, &sink) => outcome,
    };
    match outcome {
        Ok(finish) => sink.finish(finish),
        Err(error) => sink.fail(error),
    }
    drop(place);
}

/// Waits until the stream has ended.
async fn closed(gate: &Gate) {
    poll_fn(|cx| {
        gate.watch(cx.waker());
        match gate.is_closed() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
}

impl Shared {
    /// Tries until there is an answer, or nothing more to hope for. After the first token there
    /// is no second attempt.
    async fn attempts(&self, job: &Job, sink: &TokenSink) -> Result<Finish, Error> {
        let began = Instant::now();
        let mut waits = backon::ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(100))
            .with_max_delay(Duration::from_secs(5))
            .with_max_times(self.retries)
            .with_jitter()
            .build();
        let mut failed: Option<String> = None;
        loop {
            let Some(lease) = self.pool.lease(failed.as_deref()) else {
                return Err(Error::Unreachable("there is no server".into()));
            };
            let failure = match self.attempt(&lease, job, sink).await {
                Ok(finish) => return Ok(finish),
                Err(failure) => failure,
            };
            if failure.unreachable {
                lease.note_unreachable();
            }
            let wait = waits.next().filter(|_| failure.again);
            let Some(wait) = wait.map(|wait| failure.after.map_or(wait, |asked| asked.max(wait)))
            else {
                return Err(failure.error);
            };
            if began.elapsed() + wait > self.patience {
                return Err(failure.error);
            }
            tracing::debug!(error = %failure.error, ?wait, "a request is sent again");
            failed = Some(lease.base().to_owned());
            drop(lease);
            tokio::time::sleep(wait).await;
        }
    }

    async fn attempt(&self, lease: &Lease, job: &Job, sink: &TokenSink) -> Result<Finish, Failure> {
        let url = format!("{}{}", lease.base(), job.path);
        let request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/json");
        let sent = request.body(job.body.clone()).send().await;
        let response = sent.map_err(|e| of_transport(&e))?;
        if !response.status().is_success() {
            return Err(of_response(response, self.most_bytes).await);
        }
        sink.gate().scheduled();
        let mut reader = Reader::new(sink, job.top, job.echo);
        let outcome = self.read(response, &mut reader).await;
        match outcome {
            Ok(()) => reader.end().map_err(Failure::last),
            // What was said stands in the stream already.
            Err(failure) if reader.begun => Err(Failure::last(failure.error)),
            Err(failure) => Err(failure),
        }
    }

    async fn read(&self, response: Response, reader: &mut Reader<'_>) -> Result<(), Failure> {
        let kind = response.headers().get(CONTENT_TYPE);
        let kind = kind.and_then(|v| v.to_str().ok()).unwrap_or("").to_owned();
        match kind.split(';').next().unwrap_or("").trim() {
            "text/event-stream" => self.read_events(response, reader).await,
            // A server that streams nothing answers in one piece.
            "application/json" => {
                let text = whole(response, self.most_bytes).await?;
                reader.data(&text).await.map_err(Failure::last)
            }
            other => {
                let problem = format!("it answers with `{other}` instead of events");
                Err(Failure::last(protocol(problem)))
            }
        }
    }

    async fn read_events(
        &self,
        mut response: Response,
        reader: &mut Reader<'_>,
    ) -> Result<(), Failure> {
        let mut parser = EventParser::new(self.most_bytes);
        loop {
            let bytes = match response.chunk().await {
                Ok(Some(bytes)) => bytes,
                // Some servers end without `[DONE]`: what counts is that they said why.
                Ok(None) => return Ok(()),
                Err(_) if reader.has_ended() => return Ok(()),
                Err(error) => return Err(broken_off(&error, reader.begun)),
            };
            let pushed = parser.push(&bytes);
            while let Some(event) = parser.next_event() {
                if event.data == "[DONE]" {
                    return Ok(());
                }
                reader.data(&event.data).await.map_err(Failure::last)?;
            }
            pushed.map_err(|long| Failure::last(protocol(long.to_string())))?;
        }
    }
}

fn broken_off(error: &reqwest::Error, begun: bool) -> Failure {
    match begun || error.is_timeout() {
        true => Failure::last(Error::Truncated(crate::failure::causes(error).into())),
        false => of_transport(error),
    }
}

/// A whole body, of bounded length.
pub(crate) async fn whole(mut response: Response, most: usize) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|e| of_transport(&e))? {
        if bytes.len() + piece.len() > most {
            let problem = format!("an answer is longer than {most} bytes");
            return Err(Failure::last(protocol(problem)));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
