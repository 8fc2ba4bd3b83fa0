//! What an answer depends on.

use stream_core::{Backend, BackendExt, RequestBuilder, Sampling};

use super::teacher::clear_choices_hold;
use crate::ask::{ask, question, read, same, start};
use crate::verdict::{applies, ensure};
use crate::{Broken, Ground, Kept, Verdict};

/// A request's greedy ids are the same alone and in a batch. A backend that says that it cannot
/// promise that ([`Capabilities::batch_invariant`](stream_core::Capabilities)) is held to it
/// wherever a choice was clear: by more than half in the
/// logarithm of its probability, all tokens before it given.
///
/// # Errors
/// How the law was broken.
pub async fn greedy_ids_do_not_depend_on_the_batch(
    backend: &dyn Backend,
    ground: &Ground,
) -> Verdict {
    let capabilities = &backend.info().capabilities;
    applies!(
        capabilities.sampling,
        "it cannot be asked for greedy answers"
    );
    match capabilities.batch_invariant {
        true => alone_and_together(backend, ground, |_, question| question).await,
        false => clear_choices_hold(backend, ground).await,
    }
}

/// The same seed gives the same answer, alone and in a batch.
///
/// # Errors
/// How the law was broken.
pub async fn a_seed_repeats_its_draws(backend: &dyn Backend, ground: &Ground) -> Verdict {
    let capabilities = &backend.info().capabilities;
    applies!(capabilities.seed, "it takes no seed");
    applies!(capabilities.sampling, "it takes no temperature");
    let seeded = |number: usize, question: RequestBuilder| {
        let sampling = Sampling::builder().temperature(1.0).seed(number as u64 + 7);
        question.sampling(sampling.build().expect("in range"))
    };
    let again = || async { ask(backend, seeded(0, question(backend, ground, 0))).await };
    let (first, second) = (again().await?, again().await?);
    let texts = (&first.text, &second.text);
    ensure!(
        texts.0 == texts.1,
        "one seed gave {:?}, then {:?}",
        texts.0,
        texts.1
    );
    alone_and_together(backend, ground, seeded).await
}

/// Several choices of one request are drawn apart, and a seed repeats them all.
///
/// # Errors
/// How the law was broken.
pub async fn choices_have_draws_of_their_own(backend: &dyn Backend, ground: &Ground) -> Verdict {
    let capabilities = &backend.info().capabilities;
    applies!(capabilities.seed, "it takes no seed");
    applies!(capabilities.sampling, "it takes no temperature");
    let sampling = Sampling::builder().temperature(1.5).seed(3);
    let request = question(backend, ground, 0)
        .sampling(sampling.build().expect("in range"))
        .n(3)
        .build()
        .expect("laws ask for what is possible");
    let mut rounds = Vec::new();
    for _ in 0..2 {
        let choices = backend.generate_choices(request.clone());
        let choices = choices.map_err(|refused| Broken(format!("three choices: {refused}")))?;
        let answers = choices.collect().await;
        let answers = answers.map_err(|error| Broken(format!("a choice ended badly: {error}")))?;
        rounds.push(
            answers
                .into_iter()
                .map(|answer| answer.text)
                .collect::<Vec<_>>(),
        );
    }
    let same = rounds
        .iter()
        .any(|texts| texts.iter().all(|text| texts.first() == Some(text)));
    ensure!(
        !same || ground.forced,
        "three choices are one: {:?}",
        rounds.first()
    );
    let repeats = !capabilities.batch_invariant || rounds.first() == rounds.last();
    ensure!(
        repeats,
        "one seed gave other choices the second time: {rounds:?}"
    );
    Ok(Kept::Checked)
}

/// Alone, two together and eight together.
async fn alone_and_together(
    backend: &dyn Backend,
    ground: &Ground,
    shape: impl Fn(usize, RequestBuilder) -> RequestBuilder,
) -> Verdict {
    if !backend.info().capabilities.batch_invariant {
        return Ok(Kept::Skipped(
            "it says that its answers depend on the batch",
        ));
    }
    let request = |number| shape(number, question(backend, ground, number));
    let mut alone = Vec::new();
    for number in 0..8 {
        alone.push(ask(backend, request(number)).await?);
    }
    for together in [2, 8] {
        let streams: Result<Vec<_>, Broken> = (0..together)
            .map(|number| start(backend, request(number)))
            .collect();
        for (stream, alone) in streams?.into_iter().zip(&alone) {
            same(backend, &read(stream).await?, alone)?;
        }
    }
    Ok(Kept::Checked)
}
