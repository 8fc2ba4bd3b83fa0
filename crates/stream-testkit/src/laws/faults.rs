//! Steps that fail: what a model does wrong ends the streams of that step, and nothing else.

use std::time::Duration;

use stream_core::{Backend, BackendExt, Error, Health, Rejected, Rejection, TokenStream};

use crate::ask::{Answer, ask, question, read, read_any, same, start};
use crate::run::wait_for_token;
use crate::verdict::ensure;
use crate::{Broken, Control, Fault, Ground, Kept, Verdict};

/// A law about one kind of fault.
macro_rules! of_one_step {
    ($($(#[$doc:meta])* $law:ident: $fault:expr;)*) => {
        $(
            $(#[$doc])*
            ///
            /// # Errors
            /// How the law was broken.
            pub async fn $law(
                backend: &dyn Backend,
                ground: &Ground,
                control: &Control,
            ) -> Verdict {
                takes_its_own_rows_alone(backend, ground, control, $fault).await
            }
        )*
    };
}

of_one_step! {
    /// A panic at the launch of a step ends the streams of that step, each once and with a typed
    /// error; all others lose nothing, and the backend goes on.
    a_panic_at_launch_ends_its_own_streams: Fault::PanicInLaunch;
    /// As at the launch, so at the collection of a step.
    a_panic_at_collection_ends_its_own_streams: Fault::PanicInCollect;
    /// An error at the launch of a step ends the streams of that step alone.
    an_error_at_launch_ends_its_own_streams: Fault::ErrorInLaunch;
    /// An error at the collection of a step ends the streams of that step alone.
    an_error_at_collection_ends_its_own_streams: Fault::ErrorInCollect;
    /// A step without memory enough ends no stream but its own.
    no_memory_ends_no_other_stream: Fault::OutOfMemory;
    /// A step with an outcome too few ends its streams: none gets another's token.
    an_outcome_too_few_ends_its_own_streams: Fault::OneTooFew;
    /// A step with an outcome too many ends its streams: none gets another's token.
    an_outcome_too_many_ends_its_own_streams: Fault::OneTooMany;
    /// A token that the model does not have is never passed on.
    an_unknown_token_ends_its_own_streams: Fault::IdOutsideVocabulary;
}

/// What became of two streams of one step, and how many rows it had.
struct Struck {
    rows: usize,
    answers: [Answer; 2],
}

/// Has a fault in a step that decodes the first question and reads the prompt of the second.
async fn strike(
    backend: &dyn Backend,
    ground: &Ground,
    control: &Control,
    fault: Fault,
) -> Result<Struck, Broken> {
    control.hold();
    let begun = control.hand().steps.len();
    let first = start(backend, question(backend, ground, 1))?;
    let held = control.wait(ground.patience, |hand| hand.steps.len() > begun);
    ensure!(held, "no step was begun for a request");
    let step = control.strike(fault);
    let second = start(backend, question(backend, ground, 2))?;
    control.open();
    let answers = [read_any(first).await?, read_any(second).await?];
    let rows = control.hand().steps.get(step).map_or(0, Vec::len);
    ensure!(rows > 0, "the step with the fault had no row");
    Ok(Struck { rows, answers })
}

async fn takes_its_own_rows_alone(
    backend: &dyn Backend,
    ground: &Ground,
    control: &Control,
    fault: Fault,
) -> Verdict {
    let mut expected = Vec::new();
    for number in 0..3 {
        expected.push(ask(backend, question(backend, ground, number)).await?);
    }
    let before = backend.stats();
    let outside = outside(backend, ground, control)?;
    let Struck { rows, answers } = strike(backend, ground, control, fault).await?;
    let failed = check_ends(backend, &answers, &expected[1..])?;
    let retried = matches!(fault, Fault::OutOfMemory) && failed == 0;
    ensure!(
        failed == rows || retried,
        "a step of {rows} rows had {fault:?}, and {failed} streams failed"
    );
    same(backend, &read(outside).await?, &expected[0])?;
    if let (Some(before), Some(after)) = (before, backend.stats()) {
        let counted = after.requests_failed - before.requests_failed;
        ensure!(
            counted == failed as u64,
            "{failed} streams failed, and {counted} are counted"
        );
    }
    serves_or_says_failed(backend, ground, &expected).await
}

/// A stream that has had a token, and is in no step until its reader takes it. A backend that
/// wraps another has a buffer of its own in between, which may take some tokens more: so no step
/// has begun for a while.
fn outside(
    backend: &dyn Backend,
    ground: &Ground,
    control: &Control,
) -> Result<TokenStream, Broken> {
    const REST: Duration = Duration::from_millis(50);
    let stream = start(backend, question(backend, ground, 0).buffer(1))?;
    wait_for_token(&stream, ground)?;
    let mut begun = control.hand().steps.len();
    while control.wait(REST, |hand| hand.steps.len() > begun) {
        begun = control.hand().steps.len();
    }
    Ok(stream)
}

/// Each stream failed with an error of the engine and with what it had until then, or came to
/// its end unharmed. Gives how many failed.
fn check_ends(
    backend: &dyn Backend,
    answers: &[Answer],
    expected: &[Answer],
) -> Result<usize, Broken> {
    let mut failed = 0;
    for (answer, expected) in answers.iter().zip(expected) {
        match &answer.end.outcome {
            Ok(_) => same(backend, answer, expected)?,
            Err(error) => {
                failed += 1;
                ensure!(
                    of_the_engine(error),
                    "a stream of a step that failed ended with {error:?}"
                );
                let invariant = backend.info().capabilities.batch_invariant;
                ensure!(
                    !invariant || answer.begins_like(expected),
                    "until its step failed {:?} was made of {:?}",
                    answer.ids,
                    expected.ids
                );
            }
        }
        let (said, seen) = (answer.end.usage.completion_tokens, answer.tokens());
        ensure!(
            said == seen,
            "usage says {said} tokens, the stream had {seen}"
        );
    }
    Ok(failed)
}

/// Whether an error says that the engine failed, and not somebody else.
fn of_the_engine(error: &Error) -> bool {
    !matches!(
        error,
        Error::Abandoned | Error::Deadline { .. } | Error::SlowReader { .. } | Error::ShutDown
    )
}

/// After a fault a backend is ready and answers as before, or says that it has failed.
async fn serves_or_says_failed(
    backend: &dyn Backend,
    ground: &Ground,
    expected: &[Answer],
) -> Verdict {
    match backend.health().await {
        Health::Ready => {
            for (number, expected) in expected.iter().enumerate() {
                let answer = ask(backend, question(backend, ground, number)).await?;
                same(backend, &answer, expected)?;
            }
        }
        Health::Failed(_) => {
            let request = question(backend, ground, 0).build();
            let request = request.expect("laws ask for what is possible");
            let reason = backend.generate(request).err();
            let reason = reason.map(|Rejected { reason, .. }| reason);
            ensure!(
                matches!(reason, Some(Rejection::Failed(_))),
                "a backend that has failed meets a request with {reason:?}"
            );
        }
        other => return Err(Broken(format!("after a fault its health is {other:?}"))),
    }
    Ok(Kept::Checked)
}

/// A row without a finite logit ends its own stream; the other rows of its step lose nothing.
///
/// # Errors
/// How the law was broken.
pub async fn a_row_without_a_finite_logit_ends_alone(
    backend: &dyn Backend,
    ground: &Ground,
    control: &Control,
) -> Verdict {
    for row in 0..2 {
        let mut expected = Vec::new();
        for number in 0..3 {
            expected.push(ask(backend, question(backend, ground, number)).await?);
        }
        let outside = outside(backend, ground, control)?;
        let struck = strike(backend, ground, control, Fault::NotANumber(row)).await?;
        let failed = check_ends(backend, &struck.answers, &expected[1..])?;
        same(backend, &read(outside).await?, &expected[0])?;
        ensure!(failed == 1, "one row had no finite logit, {failed} failed");
        let outcomes = struck.answers.iter().map(|answer| &answer.end.outcome);
        let numerical = outcomes.filter(|o| matches!(o, Err(Error::Numerical { .. })));
        ensure!(
            numerical.count() == 1,
            "a row without a finite logit is not called so"
        );
        serves_or_says_failed(backend, ground, &expected).await?;
    }
    Ok(Kept::Checked)
}

/// However many steps fail one after the other, no stream is left without its end, and the
/// backend serves afterwards or says that it has failed.
///
/// # Errors
/// How the law was broken.
pub async fn failures_in_a_row_lose_no_end(
    backend: &dyn Backend,
    ground: &Ground,
    control: &Control,
) -> Verdict {
    let mut expected = Vec::new();
    for number in 0..6 {
        expected.push(ask(backend, question(backend, ground, number)).await?);
    }
    control.hold();
    let begun = control.hand().steps.len();
    for step in begun..begun + 8 {
        let fault = match step % 2 {
            0 => Fault::PanicInLaunch,
            _ => Fault::ErrorInCollect,
        };
        control.hand().faults.insert(step, fault);
    }
    let streams: Result<Vec<_>, _> = (0..6)
        .map(|number| start(backend, question(backend, ground, number)))
        .collect();
    control.open();
    let mut answers = Vec::new();
    for stream in streams? {
        answers.push(read_any(stream).await?);
    }
    control.hand().faults.clear();
    let failed = check_ends(backend, &answers, &expected)?;
    ensure!(failed > 0, "steps failed, and no stream with them");
    serves_or_says_failed(backend, ground, &expected).await
}

/// A step that takes long changes no answer.
///
/// # Errors
/// How the law was broken.
pub async fn a_slow_step_changes_nothing(
    backend: &dyn Backend,
    ground: &Ground,
    control: &Control,
) -> Verdict {
    let mut expected = Vec::new();
    for number in 1..3 {
        expected.push(ask(backend, question(backend, ground, number)).await?);
    }
    let slow = Fault::Slow(Duration::from_millis(50));
    let struck = strike(backend, ground, control, slow).await?;
    let failed = check_ends(backend, &struck.answers, &expected)?;
    ensure!(failed == 0, "{failed} streams failed in a slow step");
    Ok(Kept::Checked)
}
