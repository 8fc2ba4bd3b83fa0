//! What ends an answer early.

use stream_core::{Backend, FinishReason, RequestBuilder};

use crate::ask::{Answer, ask, question, stop};
use crate::forced::forced;
use crate::verdict::{applies, ensure};
use crate::{Ground, Kept, Verdict};

/// A stop string is found wherever tokens divide it; nothing of it or after it is seen, unless
/// it was asked for.
///
/// # Errors
/// How the law was broken.
pub async fn a_stop_string_never_leaks(backend: &dyn Backend, ground: &Ground) -> Verdict {
    applies!(
        backend.info().capabilities.stop_strings,
        "it knows no stop strings"
    );
    for asked in subjects(backend, ground) {
        let free = ask(backend, asked.clone()).await?;
        for (string, tokens) in divided(&free) {
            let Some(at) = free.text.find(&string) else {
                continue;
            };
            for include in [false, true] {
                let stop = stop(backend, |stop| {
                    let stop = stop.string(string.as_str());
                    if include {
                        stop.include_in_output()
                    } else {
                        stop
                    }
                });
                let request = asked.clone().stop(stop);
                let stopped = ask(backend, request).await?;
                let end = if include { at + string.len() } else { at };
                check_stopped(&free, &stopped, &string, end, tokens)?;
            }
        }
    }
    Ok(Kept::Checked)
}

/// The questions, and the answers of letters and of divided characters that can be forced.
fn subjects(backend: &dyn Backend, ground: &Ground) -> Vec<RequestBuilder> {
    let prompts = 0..ground.prompts.len();
    let asked = prompts.map(|number| question(backend, ground, number));
    let forced = forced(backend, ground).into_iter().take(3);
    let forced = forced.map(|forced| forced.question(backend, ground, 12));
    asked.chain(forced).collect()
}

fn check_stopped(
    free: &Answer,
    stopped: &Answer,
    string: &str,
    end: usize,
    tokens: usize,
) -> Result<(), crate::Broken> {
    if !stopped.begins_like(free) {
        // An engine whose answers differ from run to run can only be held to not leaking.
        let found = stopped.text.find(string).map(|at| at + string.len());
        let leaks = found.is_some_and(|found| found < stopped.text.len());
        ensure!(!leaks, "{:?} goes on after {string:?}", stopped.text);
        return Ok(());
    }
    let expected = free.text.get(..end).unwrap_or(&free.text);
    ensure!(
        stopped.text == expected,
        "stopped at {string:?}, {:?} should be {expected:?}",
        stopped.text
    );
    let reason = FinishReason::StopString(string.to_owned());
    let said = &stopped.end.outcome;
    ensure!(
        *said == Ok(reason),
        "stopped at {string:?}, the end says {said:?}"
    );
    let used = stopped.end.usage.completion_tokens;
    ensure!(
        used <= tokens,
        "stopped at {string:?}, {used} tokens are counted instead of {tokens}"
    );
    Ok(())
}

/// Strings of an answer that lie in one token, over two and over five, with the number of tokens
/// up to the end of each one's last.
fn divided(answer: &Answer) -> Vec<(String, usize)> {
    let texts: Vec<_> = answer
        .records
        .iter()
        .map(|record| record.text.as_str())
        .collect();
    let full = |window: &&[&str]| window.iter().all(|text| !text.is_empty());
    [1, 2, 5]
        .into_iter()
        .filter_map(|length| {
            // Not at the very beginning, so that there is text before it.
            let mut windows = texts.windows(length).enumerate().skip(3);
            let (first, window) = windows.find(|(_, window)| full(window))?;
            let mut string = window.concat();
            if length > 1 {
                // From the last character of the first token to the first one of the last.
                let begin = window.first()?.char_indices().next_back()?.0;
                let last = window.last()?;
                let rest = last.len() - last.chars().next()?.len_utf8();
                string = string.get(begin..string.len() - rest)?.to_owned();
            }
            Some((string, first + length))
        })
        .collect()
}

/// Text that begins like a stop string and goes on otherwise is all there.
///
/// # Errors
/// How the law was broken.
pub async fn a_false_start_is_released(backend: &dyn Backend, ground: &Ground) -> Verdict {
    applies!(
        backend.info().capabilities.stop_strings,
        "it knows no stop strings"
    );
    for asked in subjects(backend, ground) {
        let free = ask(backend, asked.clone()).await?;
        for string in false_starts(&free) {
            let stop = stop(backend, |stop| stop.string(string.as_str()));
            let answer = ask(backend, asked.clone().stop(stop)).await?;
            if answer.ids != free.ids {
                return Ok(Kept::Skipped("its answers differ from run to run"));
            }
            ensure!(
                answer.text == free.text,
                "with the stop string {string:?}, {:?} became {:?}",
                free.text,
                answer.text
            );
        }
    }
    Ok(Kept::Checked)
}

/// Strings that begin as parts of the answer do, the end of it among them, and do not go on so.
fn false_starts(answer: &Answer) -> Vec<String> {
    const NEVER: &str = "\u{10FFFD}";
    let parts = divided(answer).into_iter().map(|(part, _)| part);
    let tail = answer.text.char_indices().rev().nth(2);
    let tail = tail
        .and_then(|(at, _)| answer.text.get(at..))
        .map(str::to_owned);
    parts.chain(tail).map(|part| part + NEVER).collect()
}

/// Nothing is held back but what may still become a stop string.
///
/// # Errors
/// How the law was broken.
pub async fn text_is_held_no_longer_than_needed(backend: &dyn Backend, ground: &Ground) -> Verdict {
    applies!(
        backend.info().capabilities.stop_strings,
        "it knows no stop strings"
    );
    for asked in subjects(backend, ground) {
        let free = ask(backend, asked.clone()).await?;
        check_released(&free, &free, ground, None)?;
        for string in false_starts(&free) {
            let stop = stop(backend, |stop| stop.string(string.as_str()));
            let answer = ask(backend, asked.clone().stop(stop)).await?;
            if answer.ids != free.ids {
                return Ok(Kept::Skipped("its answers differ from run to run"));
            }
            check_released(&free, &answer, ground, Some(&string))?;
        }
    }
    Ok(Kept::Checked)
}

/// With every record all text is released that `free` knows by then, but for what may become the
/// stop string.
fn check_released(
    free: &Answer,
    answer: &Answer,
    ground: &Ground,
    string: Option<&str>,
) -> Result<(), crate::Broken> {
    for (certain, released) in free.certain(ground).iter().zip(answer.prefixes()) {
        let least = certain.len() - string.map_or(0, |string| begun(certain, string));
        ensure!(
            released.len() >= least,
            "with the stop string {string:?}, only {released:?} of {certain:?} is released"
        );
    }
    Ok(())
}

/// How many bytes at the end of `text` are a beginning of `string`.
fn begun(text: &str, string: &str) -> usize {
    let ends = string.char_indices().map(|(at, _)| at).rev();
    ends.into_iter()
        .find(|&end| string.get(..end).is_some_and(|begin| text.ends_with(begin)))
        .unwrap_or(0)
}

/// A stop id ends the answer at its first appearance.
///
/// # Errors
/// How the law was broken.
pub async fn a_stop_id_ends_the_stream(backend: &dyn Backend, ground: &Ground) -> Verdict {
    let capabilities = &backend.info().capabilities;
    applies!(capabilities.stop_ids, "it knows no stop ids");
    applies!(capabilities.token_ids, "it tells no ids");
    for number in 0..ground.prompts.len() {
        let free = ask(backend, question(backend, ground, number)).await?;
        let Some(&id) = free.ids.get(free.ids.len() / 2) else {
            continue;
        };
        let stop = stop(backend, |stop| stop.id(id));
        let answer = ask(backend, question(backend, ground, number).stop(stop)).await?;
        let first = free.ids.iter().position(|&found| found == id).unwrap_or(0);
        ensure!(
            answer.ids.iter().filter(|&&found| found == id).count() <= 1,
            "the stop id {id} stands in {:?} more than once",
            answer.ids
        );
        let as_expected = free.ids.get(..=first) == Some(&answer.ids)
            && answer.end.outcome == Ok(FinishReason::StopToken(id));
        ensure!(
            as_expected || !answer.begins_like(&free),
            "with the stop id {id}, {:?} became {:?} with the end {:?}",
            free.ids,
            answer.ids,
            answer.end.outcome
        );
    }
    Ok(Kept::Checked)
}

/// Nothing but `max_tokens` ends an answer before its least number of tokens.
///
/// # Errors
/// How the law was broken.
pub async fn min_tokens_come_first(backend: &dyn Backend, ground: &Ground) -> Verdict {
    let capabilities = &backend.info().capabilities;
    applies!(capabilities.min_tokens, "it knows no min_tokens");
    applies!(capabilities.stop_strings, "it knows no stop strings");
    let free = ask(backend, question(backend, ground, 0)).await?;
    for (string, _) in divided(&free) {
        let least = ground.tokens - 2;
        let stop = stop(backend, |stop| {
            stop.string(string.as_str()).min_tokens(least)
        });
        let answer = ask(backend, question(backend, ground, 0).stop(stop)).await?;
        let made = answer.end.usage.completion_tokens;
        ensure!(
            made >= least,
            "{least} tokens were asked for at least, {made} came"
        );
    }
    Ok(Kept::Checked)
}
