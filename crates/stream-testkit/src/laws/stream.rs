//! The stream itself: its end, its records, its readers.

use futures::StreamExt;
use stream_core::{Backend, FinishReason, Support};

use crate::ask::{ask, question, start};
use crate::verdict::ensure;
use crate::{Broken, Ground, Kept, Verdict};

/// A stream ends exactly once, well, and with its usage; whatever its prompt.
///
/// # Errors
/// How the law was broken.
pub async fn every_stream_ends_once(backend: &dyn Backend, ground: &Ground) -> Verdict {
    let streams: Result<Vec<_>, _> = (0..2 * ground.prompts.len())
        .map(|number| start(backend, question(backend, ground, number)))
        .collect();
    for stream in streams? {
        let answer = crate::ask::read(stream).await?;
        let (said, seen) = (answer.end.usage.completion_tokens, answer.tokens());
        ensure!(
            said == seen,
            "usage says {said} tokens, the stream had {seen}"
        );
        ensure!(answer.end.timings.ended.is_some(), "the end has no time");
    }
    Ok(Kept::Checked)
}

/// Callback, iterator, `Stream`, chunks and the whole answer carry the same text and ids.
///
/// # Errors
/// How the law was broken.
pub async fn every_reader_gets_the_same(backend: &dyn Backend, ground: &Ground) -> Verdict {
    let start = || start(backend, question(backend, ground, 0));
    let failed = |error| Broken(format!("a stream ended badly: {error}"));
    let whole = start()?.collect().await.map_err(failed)?;
    let mut called = (String::new(), Vec::new());
    let end = start()?.for_each(|record| {
        called.0.push_str(&record.text);
        called.1.extend(record.ids());
    });
    end.await.map_err(failed)?;
    let mut streamed = (String::new(), Vec::new());
    let mut stream = start()?;
    while let Some(record) = stream.next().await {
        let record = record.map_err(failed)?;
        streamed.0.push_str(&record.text);
        streamed.1.extend(record.ids());
    }
    let mut chunked = (String::new(), Vec::new());
    let mut stream = start()?;
    while let Some(chunk) = stream.next_chunk(3).await {
        let chunk = chunk.map_err(failed)?;
        chunked.0.push_str(&chunk.text);
        chunked.1.extend(chunk.ids);
    }
    let iterating = start()?;
    let iterated = std::thread::scope(|scope| {
        // Outside the executor, where a thread may block.
        let reader = scope.spawn(move || {
            let mut read = (String::new(), Vec::new());
            for record in iterating {
                let record = record.map_err(failed)?;
                read.0.push_str(&record.text);
                read.1.extend(record.ids());
            }
            Ok::<_, Broken>(read)
        });
        reader
            .join()
            .unwrap_or_else(|_| Err(Broken("the iterator panicked".into())))
    })?;
    for (reader, read) in [
        ("callback", called),
        ("stream", streamed),
        ("chunks", chunked),
        ("iterator", iterated),
    ] {
        let expected = (whole.text.clone(), whole.ids.clone());
        ensure!(
            read == expected,
            "the {reader} read {read:?}, the whole is {expected:?}"
        );
    }
    Ok(Kept::Checked)
}

/// Records count up, their texts join to the whole, and every token has its id.
///
/// # Errors
/// How the law was broken.
pub async fn records_are_in_order_and_none_is_lost(
    backend: &dyn Backend,
    ground: &Ground,
) -> Verdict {
    for number in 0..ground.prompts.len() {
        let answer = ask(backend, question(backend, ground, number)).await?;
        let (mut tokens, mut bytes) = (0, 0);
        for record in &answer.records {
            let carried = record.coalesced.len();
            let closing = record.id.is_none() && record.index == answer.end.usage.completion_tokens;
            ensure!(
                record.index == tokens + carried,
                "record {record:?} came after {tokens} tokens"
            );
            ensure!(
                record.span.start == bytes,
                "record {record:?} came after {bytes} bytes"
            );
            ensure!(
                record.span.len() == record.text.len(),
                "the span of {record:?} is wrong"
            );
            tokens += if closing { 0 } else { carried + 1 };
            bytes = record.span.end;
        }
        let joined: String = answer.records.iter().map(|r| r.text.as_str()).collect();
        ensure!(
            joined == answer.text,
            "the records say {joined:?}, the whole {:?}",
            answer.text
        );
        if backend.info().capabilities.token_ids != Support::Unsupported {
            let (ids, tokens) = (answer.ids.len(), answer.end.usage.completion_tokens);
            ensure!(ids == tokens, "{tokens} tokens came with {ids} ids");
        }
    }
    Ok(Kept::Checked)
}

/// An answer has no more tokens than asked for, and just as many where end tokens are ignored.
///
/// # Errors
/// How the law was broken.
pub async fn max_tokens_is_exact(backend: &dyn Backend, ground: &Ground) -> Verdict {
    let exact = backend.info().capabilities.stop_ids != Support::Unsupported;
    for asked in [1, 2, 7, ground.tokens] {
        let answer = ask(backend, question(backend, ground, asked).max_tokens(asked)).await?;
        let made = answer.tokens();
        let reason = answer.end.outcome.clone();
        let ended_itself = !exact && reason == Ok(FinishReason::EndOfSequence) && made <= asked;
        let full = reason == Ok(FinishReason::Length) && made == asked;
        ensure!(
            full || ended_itself,
            "{asked} tokens were asked for, {made} came and the end is {reason:?}"
        );
    }
    Ok(Kept::Checked)
}
