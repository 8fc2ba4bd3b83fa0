//! What the prefix cache costs where nothing is found in it, and what it saves where something
//! is.
//!
//! ```text
//! cargo bench -p stream-benches --bench prefix_cache [-- --rounds 200]
//! ```
//!
//! The file is the default model (`STREAM_ENGINE_MODEL` names another). Two engines, one with the
//! cache and one without, take turns; who begins changes from round to round. Their KV cache is
//! so small that after a few rounds every new block takes the place of a cached one, as it does in
//! a server that has run for a while. No prompt comes twice, but where hits are measured.
//!
//! A step of the model varies by more than the cache costs. So turns are short, a round's ratio is
//! that of its two medians, and the table gives the median of all rounds' ratios with the interval
//! that holds the true one 95 times in 100. Beside it stands the loop alone, around a model that
//! computes nothing: what a step takes longer there is set against a step of the real model.

use std::error::Error;

use backend_candle::{CandleModel, CandleOptions};
use futures::StreamExt;
use futures::executor::block_on;
use futures::future::join_all;
use stream_benches::{Series, load_average, rounds, table};
use stream_checkpoint::{Checkpoint, default_model};
use stream_core::{BackendExt, Request, Stop, TokenId, TokenStream};
use stream_runtime::{Batch, Engine, EngineConfig, Model, ModelError, Next, Spec};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Rounds unless told otherwise.
const ROUNDS: usize = 200;
/// Streams at once.
const STREAMS: usize = 8;
/// Tokens of a prompt and of an answer, where steps are measured.
const SHORT: [usize; 2] = [16, 16];
/// The same for the model that costs nothing.
const LONG: [usize; 2] = [16, 500];
/// The most rounds in which the time to a first token is measured.
const FIRST_TOKENS: usize = 15;
/// Tokens of a prompt there.
const PROMPT: usize = 512;
/// Positions in the KV cache, for each stream that is measured.
const KV_TOKENS: usize = 256;
/// Ids of prompts are smaller.
const IDS: u64 = 40_000;

fn main() -> Result<()> {
    let checkpoint = Checkpoint::open(default_model::path()?)?;
    let before = load_average();
    let rounds = rounds(ROUNDS)?;
    let real = steps(rounds, SHORT, |cache| real(&checkpoint, cache))?;
    let alone = steps(rounds, LONG, |cache| free(&checkpoint, cache))?;
    let first = first_tokens(
        rounds.min(FIRST_TOKENS),
        &real_engine(&checkpoint, None, true)?,
    )?;
    println!(
        "load before and after: {before:.2?} and {:.2?}\n",
        load_average()
    );
    println!("{STREAMS} streams, nothing found:\n");
    println!("{}", costs(&real, &alone));
    println!("time to first token of {PROMPT} tokens:\n");
    let [miss, hit] = &first;
    let row = [miss.summary(1), hit.summary(1), miss.over(hit).summary(1)];
    println!(
        "{}",
        table(&["miss, ms", "hit, ms", "ratio"], &[row.into()])
    );
    Ok(())
}

/// Microseconds of a step in every round, without the cache and with it.
type OffAndOn = [Series; 2];

fn costs(real: &OffAndOn, alone: &OffAndOn) -> String {
    let row = |name: &str, [off, on]: &OffAndOn| {
        let share = 100.0 * (on.median() - off.median()) / real[0].median();
        vec![
            name.to_owned(),
            off.summary(1),
            on.summary(1),
            on.over(off).certainty(4),
            format!("{share:.3} %"),
        ]
    };
    let header = [
        "",
        "off, µs a step",
        "on, µs a step",
        "on / off, 95 % interval",
        "difference of a step of the model",
    ];
    let rows = [row("the model", real), row("the loop alone", alone)];
    table(&header, &rows)
}

/// Measures two engines, with the cache and without, in turns. A first round is not counted.
fn steps(
    rounds: usize,
    size: [usize; 2],
    engine: impl Fn(bool) -> Result<Engine>,
) -> Result<OffAndOn> {
    let engines = [engine(false)?, engine(true)?];
    let mut series = OffAndOn::default();
    for round in 0..=rounds {
        for turn in 0..2 {
            let which = (round + turn) % 2;
            let time = step_time(&engines[which], size, round as u64)?;
            if round > 0 {
                series[which].push(time);
            }
        }
    }
    let hits = engines[1].stats().prefix_cache_hits;
    match hits {
        0 => Ok(series),
        _ => Err(format!("{hits} tokens were found, where none should be").into()),
    }
}

/// Microseconds from step to step, all streams together: the median, which leaves out what else
/// the machine did meanwhile.
fn step_time(engine: &Engine, [prompt, answer]: [usize; 2], round: u64) -> Result<f64> {
    let requests = (0..STREAMS as u64).map(|stream| request(prompt, answer, round << 8 | stream));
    let requests: Vec<_> = requests.collect::<Result<_>>()?;
    let streams: Vec<_> = requests
        .into_iter()
        .map(|request| engine.generate(request).map_err(|rejected| rejected.reason))
        .collect::<std::result::Result<_, _>>()?;
    let mut all = Series::default();
    for gaps in block_on(join_all(streams.into_iter().map(gaps))) {
        all.extend(gaps?);
    }
    Ok(all.median())
}

/// Microseconds from each of a stream's tokens to the next, as the model made them.
async fn gaps(mut stream: TokenStream) -> Result<Series> {
    let (mut gaps, mut last) = (Series::default(), None);
    while let Some(token) = stream.next().await {
        let sampled = token?.times.sampled;
        if let Some(last) = last.replace(sampled) {
            gaps.push(sampled.duration_since(last).as_secs_f64() * 1e6);
        }
    }
    Ok(gaps)
}

/// A request whose first tokens no other has that has another salt.
fn request(prompt: usize, answer: usize, salt: u64) -> Result<Request> {
    let id = |i: u64| (salt * 7919 + i * i * 31 + salt * i) % IDS;
    let ids: Vec<_> = (0..prompt as u64).map(|i| id(i) as TokenId).collect();
    let stop = Stop::builder().ignore_eos().build()?;
    let request = Request::tokens(ids).greedy().max_tokens(answer).stop(stop);
    Ok(request.build()?)
}

/// Milliseconds to the first token of a prompt when it comes first, and when it comes again.
fn first_tokens(rounds: usize, engine: &Engine) -> Result<[Series; 2]> {
    let mut series: [Series; 2] = Default::default();
    for round in 0..=rounds as u64 {
        for time in &mut series {
            let stream = engine.generate(request(PROMPT, 1, round)?);
            let answer = stream.map_err(|rejected| rejected.reason)?;
            let answer = answer.blocking().completion()?;
            let first = answer.timings.time_to_first_token();
            if round > 0 {
                time.push(first.ok_or("no token came")?.as_secs_f64() * 1e3);
            }
        }
    }
    let expected = (rounds as u64 + 1) * (PROMPT as u64 - 16);
    match engine.stats().prefix_cache_hits {
        hits if hits == expected => Ok(series),
        hits => Err(format!("{hits} tokens were found instead of {expected}").into()),
    }
}

fn real(checkpoint: &Checkpoint, prefix_cache: bool) -> Result<Engine> {
    real_engine(checkpoint, Some(STREAMS * KV_TOKENS), prefix_cache)
}

fn real_engine(
    checkpoint: &Checkpoint,
    kv_tokens: Option<usize>,
    prefix_cache: bool,
) -> Result<Engine> {
    let options = CandleOptions {
        kv_tokens,
        ..CandleOptions::default()
    };
    let model = CandleModel::load(checkpoint, &options)?;
    start(model, checkpoint, prefix_cache)
}

fn free(checkpoint: &Checkpoint, prefix_cache: bool) -> Result<Engine> {
    let context_length = LONG.iter().sum::<usize>() + 1;
    let spec = Spec {
        vocabulary: checkpoint.architecture().vocabulary,
        context_length,
        block_size: 16,
        blocks: STREAMS * context_length.div_ceil(16) + STREAMS * KV_TOKENS / 16,
        max_rows: STREAMS,
        max_tokens: 256,
        step_overhead: 0,
        shares_blocks: true,
    };
    start(Free(spec), checkpoint, prefix_cache)
}

fn start(model: impl Model, checkpoint: &Checkpoint, prefix_cache: bool) -> Result<Engine> {
    let config = EngineConfig {
        prefix_cache,
        speculative_tokens: 0,
        ..EngineConfig::new("bench", checkpoint.name(), "cpu")
    };
    Ok(Engine::start(
        model,
        checkpoint.tokenizer().clone(),
        config,
    )?)
}

/// Goes on with a token that depends on the last one and its place, and costs nothing.
struct Free(Spec);

impl Model for Free {
    type Ticket = Vec<Next>;

    fn spec(&self) -> &Spec {
        &self.0
    }

    fn launch(&mut self, batch: &Batch<'_>) -> std::result::Result<Vec<Next>, ModelError> {
        let next = batch.rows.iter().flat_map(|row| {
            let sampled = &row.tokens[row.sample.clone()];
            let next = |&id| (u64::from(id) * 3 + row.start as u64) % IDS;
            sampled
                .iter()
                .map(move |id| Next::Token((next(id) as TokenId).into()))
        });
        Ok(next.collect())
    }

    fn collect(
        &mut self,
        ticket: Vec<Next>,
        next: &mut Vec<Next>,
    ) -> std::result::Result<(), ModelError> {
        next.extend(ticket);
        Ok(())
    }
}
