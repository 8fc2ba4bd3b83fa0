//! Several conditions at once.

use stream_core::{Backend, FinishReason, Stop, StopBuilder};

use crate::ask::{Answer, ask};
use crate::forced::{Forced, forced};
use crate::verdict::{applies, ensure};
use crate::{Broken, Ground, Kept, Verdict};

/// A character that no answer holds.
const NEVER: char = '\u{10FFFD}';

/// Of several stop strings that overlap, the first that is complete ends the answer, and of two
/// that are complete with the same character, the longer one.
///
/// # Errors
/// How the law was broken.
pub async fn the_first_complete_stop_string_counts(
    backend: &dyn Backend,
    ground: &Ground,
) -> Verdict {
    applies!(
        backend.info().capabilities.stop_strings,
        "it knows no stop strings"
    );
    for forced in forced(backend, ground).into_iter().take(3) {
        let ask = |stop: Stop| ask(backend, forced.question(backend, ground, 12).stop(stop));
        let free = ask(ignoring(Stop::builder())).await?;
        for pair in overlapping(&free) {
            let stopped = ask(ignoring(Stop::builder().strings(pair.clone()))).await?;
            check_first(&free, &stopped, &pair)?;
        }
    }
    Ok(Kept::Checked)
}

fn ignoring(stop: StopBuilder) -> Stop {
    let stop = stop.ignore_eos().build();
    stop.expect("laws ask for what is possible")
}

/// Pairs of parts of the text that overlap: one after the other, one inside the other, and one
/// at the end of the other.
fn overlapping(free: &Answer) -> Vec<[String; 2]> {
    let characters: Vec<char> = free.text.chars().collect();
    let part = |from: usize, to: usize| {
        let part = characters.get(from..to);
        part.map(|part| part.iter().collect::<String>())
    };
    let pairs = [((1, 4), (2, 6)), ((1, 6), (3, 4)), ((1, 5), (3, 5))];
    let pairs = pairs.map(|(one, other)| Some([part(one.0, one.1)?, part(other.0, other.1)?]));
    pairs.into_iter().flatten().collect()
}

/// Against the whole text, read a character at a time.
fn check_first(free: &Answer, stopped: &Answer, stops: &[String]) -> Result<(), Broken> {
    let ends = free.text.char_indices().map(|(at, c)| at + c.len_utf8());
    let complete = |end: usize| {
        let read = free.text.get(..end)?;
        let found = stops.iter().filter(|stop| read.ends_with(stop.as_str()));
        let longest = found.max_by_key(|stop| stop.len())?;
        Some((read.get(..end - longest.len())?, longest))
    };
    let Some((text, stop)) = ends.into_iter().find_map(complete) else {
        return Err(Broken(format!("{stops:?} are not in {:?}", free.text)));
    };
    let reason = Ok(FinishReason::StopString(stop.clone()));
    ensure!(
        (stopped.text.as_str(), &stopped.end.outcome) == (text, &reason),
        "with the stop strings {stops:?} {:?} became {:?} with the end {:?}",
        free.text,
        stopped.text,
        stopped.end.outcome
    );
    Ok(())
}

/// The model's end token releases what a stop string that has only begun holds back; and a stop
/// string that is complete with the last token before it counts.
///
/// # Errors
/// How the law was broken.
pub async fn an_end_token_releases_what_is_held(backend: &dyn Backend, ground: &Ground) -> Verdict {
    applies!(
        backend.info().capabilities.stop_strings,
        "it knows no stop strings"
    );
    applies!(
        backend.info().capabilities.min_tokens,
        "it cannot be kept from ending at once"
    );
    let Some(letters) = forced(backend, ground).into_iter().next() else {
        return Ok(Kept::Skipped("no answer can be forced from it"));
    };
    let end = ground
        .tokenizer
        .as_ref()
        .and_then(|t| t.end_ids().first().copied());
    let Some(end) = end else {
        return Ok(Kept::Skipped("its tokenizer has no end token"));
    };
    let ids = letters.ids.iter().copied().take(4).chain([end]);
    let ending = Forced { ids: ids.collect() };
    let ask = |strings: Vec<String>| {
        let stop = Stop::builder().min_tokens(1).strings(strings);
        let stop = stop.build().expect("laws ask for what is possible");
        ask(backend, ending.question(backend, ground, 12).stop(stop))
    };
    let free = ask(Vec::new()).await?;
    let ended = Ok(FinishReason::EndOfSequence);
    ensure!(
        free.end.outcome == ended && free.ids.last() == Some(&end),
        "an answer of {:?} ended with {:?}",
        free.ids,
        free.end.outcome
    );
    let begun = ask(vec![format!("{}{NEVER}", free.text)]).await?;
    ensure!(
        (&begun.text, &begun.end.outcome) == (&free.text, &ended),
        "an end token made {:?} of {:?}, the end is {:?}",
        begun.text,
        free.text,
        begun.end.outcome
    );
    let last: String = free.text.chars().last().into_iter().collect();
    let complete = ask(vec![last.clone()]).await?;
    check_first(&free, &complete, &[last])?;
    Ok(Kept::Checked)
}
