//! Asking a backend and reading what it answers.

use futures::StreamExt;
use stream_core::{
    Backend, BackendExt, Deadlines, End, Error, Prompt, Rejected, Request, RequestBuilder,
    Sampling, SlowReader, Stop, StreamToken, Support, TokenId, TokenStream,
};

use crate::verdict::ensure;
use crate::{Broken, Ground};

/// A prompt of the ground, whichever number.
pub(crate) fn prompt(ground: &Ground, number: usize) -> RequestBuilder {
    match &ground.prompts[number % ground.prompts.len()] {
        Prompt::Chat(messages) => Request::chat(messages.clone()),
        Prompt::Conversation(conversation) => Request::conversation(conversation.clone()),
        Prompt::Raw(text) => Request::raw(text.clone()),
        Prompt::Tokens(ids) => Request::tokens(ids.clone()),
    }
}

/// An ordinary question: greedy where that can be asked for, going on after end tokens where
/// that can be asked for, a record for each token, and an end that comes in any case.
pub(crate) fn question(backend: &dyn Backend, ground: &Ground, number: usize) -> RequestBuilder {
    ordinary(backend, ground, prompt(ground, number))
}

/// As an ordinary question, of these ids. Those from 2 to 25 are in every vocabulary.
pub(crate) fn of_ids(
    backend: &dyn Backend,
    ground: &Ground,
    ids: impl Into<Vec<TokenId>>,
) -> RequestBuilder {
    ordinary(backend, ground, Request::tokens(ids.into()))
}

/// As an ordinary question, of what a user says.
pub(crate) fn of_user(backend: &dyn Backend, ground: &Ground, text: &str) -> RequestBuilder {
    ordinary(backend, ground, Request::user(text))
}

fn ordinary(backend: &dyn Backend, ground: &Ground, prompt: RequestBuilder) -> RequestBuilder {
    let sampling = match backend.info().capabilities.sampling {
        Support::Unsupported => Sampling::default(),
        _ => Sampling::greedy(),
    };
    prompt
        .max_tokens(ground.tokens)
        .sampling(sampling)
        .stop(stop(backend, |stop| stop))
        .buffer(ground.tokens + 1)
        .slow_reader(SlowReader::Pause)
        .deadlines(Deadlines {
            total: Some(ground.patience),
            ..Deadlines::default()
        })
}

/// Conditions of an end, with end tokens ignored where that can be asked for.
pub(crate) fn stop(
    backend: &dyn Backend,
    set: impl FnOnce(stream_core::StopBuilder) -> stream_core::StopBuilder,
) -> Stop {
    let builder = match backend.info().capabilities.stop_ids {
        Support::Unsupported => Stop::builder(),
        _ => Stop::builder().ignore_eos(),
    };
    set(builder).build().expect("laws ask for what is possible")
}

/// Submits a request that must be accepted.
pub(crate) fn start(backend: &dyn Backend, request: RequestBuilder) -> Result<TokenStream, Broken> {
    let request = request.build().expect("laws ask for what is possible");
    backend
        .generate(request)
        .map_err(|Rejected { reason, .. }| {
            Broken(format!("an ordinary request was refused: {reason}"))
        })
}

/// The next token of a stream that must have one.
pub(crate) async fn token(stream: &mut TokenStream) -> Result<(), Broken> {
    let next = stream.next().await;
    ensure!(
        matches!(next, Some(Ok(_))),
        "instead of a token came {next:?}"
    );
    Ok(())
}

/// A stream, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) records: Vec<StreamToken>,
    pub(crate) text: String,
    pub(crate) ids: Vec<TokenId>,
    pub(crate) end: End,
}

impl Answer {
    /// The text up to and including each record.
    pub(crate) fn prefixes(&self) -> impl Iterator<Item = &str> {
        let ends = self.records.iter().map(|record| record.span.end);
        ends.map(|end| self.text.get(..end).unwrap_or(&self.text))
    }

    /// The text that is certain with each record: what its ids decode to, but for an incomplete
    /// character at the end; where nothing can be decoded, what was released.
    pub(crate) fn certain(&self, ground: &Ground) -> Vec<String> {
        let Some(decode) = ground.decode.as_ref().filter(|_| !self.ids.is_empty()) else {
            return self.prefixes().map(str::to_owned).collect();
        };
        let known = |tokens: usize| decode(self.ids.get(..tokens).unwrap_or(&self.ids));
        let whole = |text: String| text.trim_end_matches('\u{FFFD}').to_owned();
        (1..=self.records.len())
            .map(|tokens| whole(known(tokens)))
            .collect()
    }

    /// How many tokens the records carry.
    pub(crate) fn tokens(&self) -> usize {
        self.records.iter().map(|record| record.tokens).sum()
    }

    /// Whether this one's ids begin as the other's do.
    pub(crate) fn begins_like(&self, other: &Self) -> bool {
        other.ids.starts_with(&self.ids) || self.ids.starts_with(&other.ids)
    }
}

/// An answer must be the expected one, where the backend says that nothing around it matters.
pub(crate) fn same(
    backend: &dyn Backend,
    answer: &Answer,
    expected: &Answer,
) -> Result<(), Broken> {
    let invariant = backend.info().capabilities.batch_invariant;
    ensure!(
        !invariant || (&answer.ids, &answer.text) == (&expected.ids, &expected.text),
        "{:?} {:?} became {:?} {:?}",
        expected.ids,
        expected.text,
        answer.ids,
        answer.text
    );
    Ok(())
}

/// Asks and reads to an end that must be good.
pub(crate) async fn ask(backend: &dyn Backend, request: RequestBuilder) -> Result<Answer, Broken> {
    read(start(backend, request)?).await
}

/// Reads to an end that must be good.
pub(crate) async fn read(stream: TokenStream) -> Result<Answer, Broken> {
    let answer = read_any(stream).await?;
    match &answer.end.outcome {
        Ok(_) => Ok(answer),
        Err(Error::Abandoned) => Err(Broken("a stream was dropped without an end".into())),
        Err(Error::Deadline { limit, .. }) => {
            let so_far = answer.records.len();
            let message = format!("a stream did not end within {limit:?}; it had {so_far} records");
            Err(Broken(message))
        }
        Err(error) => Err(Broken(format!("a stream ended badly: {error}"))),
    }
}

/// Reads to any end. An error must be the last item, and after the end there must be nothing.
pub(crate) async fn read_any(mut stream: TokenStream) -> Result<Answer, Broken> {
    let mut records = Vec::new();
    let mut failed = None;
    while let Some(item) = stream.next().await {
        ensure!(failed.is_none(), "{item:?} came after the error {failed:?}");
        match item {
            Ok(record) => records.push(record),
            Err(error) => failed = Some(error),
        }
    }
    ensure!(
        stream.next().await.is_none(),
        "something came after the end"
    );
    let Some(end) = stream.end().cloned() else {
        return Err(Broken(
            "a stream has no end though it gives nothing more".into(),
        ));
    };
    ensure!(
        failed.as_ref() == end.outcome.as_ref().err(),
        "the last item says {failed:?}, the end says {:?}",
        end.outcome
    );
    Ok(Answer {
        records,
        text: stream.text().to_owned(),
        ids: stream.ids().to_owned(),
        end,
    })
}
