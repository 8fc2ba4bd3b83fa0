//! What is refused, before the first token.

use stream_core::{
    Backend, BackendExt, Rejected, Rejection, Request, Support, TokenId, TokenStream,
};

use super::parameters::every_parameter;
use crate::ask::{question, read};
use crate::verdict::ensure;
use crate::{Broken, Ground, Kept, Verdict};

/// So many requests are begun at most to fill a queue.
const MOST: usize = 2048;

/// A full queue gives the request back at once, and takes it when there is room.
///
/// # Errors
/// How the law was broken.
pub async fn a_full_queue_gives_the_request_back(
    backend: &dyn Backend,
    ground: &Ground,
) -> Verdict {
    let limits = backend.info().limits;
    let room = limits.queue + limits.concurrent;
    if room > MOST {
        return Ok(Kept::Skipped("its queue is too long to be filled"));
    }
    let mut streams = Vec::new();
    let refused = loop {
        // None of them is read, so none can end.
        let request = question(backend, ground, streams.len()).buffer(1);
        let request = request.build().expect("laws ask for what is possible");
        match backend.generate(request.clone()) {
            Ok(stream) => streams.push(stream),
            Err(rejected) => break (request, rejected),
        }
        let (taken, limits) = (streams.len(), room);
        ensure!(
            taken <= limits,
            "{taken} requests were taken, its limits are {limits}"
        );
    };
    let (request, Rejected { reason, returned }) = refused;
    let full = matches!(reason, Rejection::QueueFull { .. });
    ensure!(full, "a full queue says {reason:?}");
    ensure!(
        returned.0 == request,
        "a full queue gave another request back"
    );
    let first = streams.pop();
    streams.clear();
    if let Some(stream) = first {
        read(stream).await?;
    }
    crate::settle(backend, ground).await?;
    read(retry(backend, ground, request)?).await?;
    Ok(Kept::Checked)
}

/// A place is given back a moment after its stream has ended.
fn retry(
    backend: &dyn Backend,
    ground: &Ground,
    mut request: Request,
) -> Result<TokenStream, Broken> {
    let end = std::time::Instant::now() + ground.patience;
    loop {
        match backend.generate(request) {
            Ok(stream) => return Ok(stream),
            Err(rejected) if std::time::Instant::now() < end => request = rejected.into_request(),
            Err(Rejected { reason, .. }) => {
                return Err(Broken(format!("an empty queue says {reason}")));
            }
        }
    }
}

/// A prompt that does not fit the context is refused with both numbers.
///
/// # Errors
/// How the law was broken.
pub async fn a_prompt_that_is_too_long_is_refused(backend: &dyn Backend, _: &Ground) -> Verdict {
    let info = backend.info();
    let Some(context) = info.limits.context_length else {
        return Ok(Kept::Skipped("it does not tell its context length"));
    };
    if info.capabilities.token_prompts == Support::Unsupported {
        return Ok(Kept::Skipped(
            "it takes no prompts of ids, whose length is known",
        ));
    }
    for (prompt, tokens) in [(context, 1), (context + 1, 1), (8, context - 7)] {
        let request = Request::tokens(vec![1 as TokenId; prompt]).max_tokens(tokens);
        let request = request.build().expect("laws ask for what is possible");
        let found = match backend.generate(request) {
            Ok(_) => Err("it was accepted".to_owned()),
            Err(Rejected { reason, .. }) => match reason {
                Rejection::ContextLengthExceeded {
                    prompt_tokens,
                    context_length,
                    ..
                } => Ok((prompt_tokens, context_length)),
                other => Err(other.to_string()),
            },
        };
        ensure!(
            found == Ok((prompt, context)),
            "of a prompt of {prompt} tokens and {tokens} more in a context of {context}: {found:?}"
        );
    }
    Ok(Kept::Checked)
}

/// A parameter that the backend says it cannot honour is refused by name, and one that it says
/// it can is not.
///
/// # Errors
/// How the law was broken.
pub async fn what_is_not_supported_is_refused_by_name(
    backend: &dyn Backend,
    ground: &Ground,
) -> Verdict {
    for (what, support, request) in every_parameter(backend, ground) {
        let request = request.build().expect("laws ask for what is possible");
        let unsupported = match backend.generate(request) {
            Err(Rejected {
                reason: Rejection::Unsupported { backend, .. },
                ..
            }) => Some(backend),
            _ => None,
        };
        let name = (support == Support::Unsupported).then(|| backend.info().name.clone());
        ensure!(
            unsupported == name,
            "{what} is {support:?}, but a request for it was refused by {unsupported:?}"
        );
    }
    Ok(Kept::Checked)
}
