//! From the streams of a request to its answer.

mod choice;
mod events;
mod whole;

use stream_core::{BackendExt, Request, TokenStream};

use crate::error::ApiError;
use crate::job::{Form, Kind};
use crate::sse::ChunkKind;
use crate::state::App;

pub(crate) use events::Events;
pub(crate) use whole::whole;

/// What all parts of an answer share.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) id: String,
    pub(crate) created: u64,
    pub(crate) form: Form,
    /// Answers to each prompt.
    pub(crate) n: usize,
}

impl Head {
    pub(crate) fn new(form: Form, n: usize) -> Self {
        let word = match form.kind {
            Kind::Chat => "chatcmpl",
            Kind::Completion => "cmpl",
        };
        Self {
            id: format!("{word}-{}", letters()),
            created: crate::state::now(),
            form,
            n,
        }
    }

    fn chunk(&self) -> crate::sse::ChunkHead<'_> {
        crate::sse::ChunkHead {
            kind: match self.form.kind {
                Kind::Chat => ChunkKind::Chat,
                Kind::Completion => ChunkKind::Completion,
            },
            id: &self.id,
            created: self.created,
            model: &self.form.model,
            usage: self.form.include_usage,
        }
    }
}

/// A random name.
fn letters() -> String {
    format!("{:032x}", fastrand::u128(..))
}

/// Hands the requests to the backend, on a thread where it may take its time with tokenising and
/// grammars. All are accepted, or none.
pub(crate) async fn submit(
    app: &App,
    requests: Vec<Request>,
) -> Result<Vec<TokenStream>, ApiError> {
    let app = app.clone();
    let submitted = tokio::task::spawn_blocking(move || {
        let mut streams = Vec::with_capacity(requests.len());
        for request in requests {
            match request.n() {
                1 => streams.push(app.backend.generate(request)?),
                _ => streams.extend(app.backend.generate_choices(request)?.into_streams()),
            }
        }
        Ok(streams)
    });
    match submitted.await {
        Ok(streams) => streams.map_err(|rejected: stream_core::Rejected| rejected.reason.into()),
        // What it panicked with is for the log, where the panic hook has written it.
        Err(_) => Err(ApiError::internal()),
    }
}

/// Tokens of all prompts, each counted once, and of all answers.
fn usage<'a>(
    streams: impl Iterator<Item = stream_core::Usage> + 'a,
    n: usize,
) -> stream_core::Usage {
    let mut sum = stream_core::Usage::default();
    for (i, usage) in streams.enumerate() {
        sum.completion_tokens += usage.completion_tokens;
        if i % n.max(1) == 0 {
            sum.prompt_tokens += usage.prompt_tokens;
            sum.cached_tokens += usage.cached_tokens;
        }
    }
    sum
}
