//! What is asked: synthetic prompts, prompts from a file, or a recorded trace.

mod dataset;
mod error;
mod source;
mod trace;

#[cfg(test)]
mod tests;

pub use dataset::{Dataset, Sample};
pub use error::{WorkloadError, WorkloadProblem};
pub use source::Source;
pub use trace::{Arrival, HASH_BLOCK, Question, Trace};

use stream_core::TokenId;

use crate::lengths::Lengths;
use crate::load::Load;
use crate::protocol::{Ask, Input};
use crate::vocabulary::{Drawn, Vocabulary};

/// The lengths of warm-up requests beside prompts that are not synthetic.
const WARM_UP: (usize, usize) = (128, 16);
/// Keeps the draws of the shared prefix apart from those of the prompts.
const PREFIX_DRAWS: u64 = 0x5052_4546_4958;

/// Makes the requests of each round. With the same seed and the same calls it makes the same.
#[derive(Debug)]
pub struct Workload {
    vocabulary: Vocabulary,
    source: Source,
    /// Tokens of an answer, where the source does not say.
    output: Lengths,
    draws: fastrand::Rng,
    seed: u64,
    prefix: Drawn,
    /// Prompts of a dataset that were asked.
    asked: usize,
    rounds: usize,
}

/// A request before it is known whether its contender takes token ids.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    tokens: Option<Vec<TokenId>>,
    text: String,
    max_tokens: usize,
    arrival_s: f64,
}

impl Job {
    /// The request, with a prompt of token ids if both sides can.
    pub fn ask(&self, token_prompts: bool) -> Ask {
        let prompt = match &self.tokens {
            Some(ids) if token_prompts => Input::Tokens(ids.clone()),
            _ => Input::Text(self.text.clone()),
        };
        Ask {
            arrival_s: self.arrival_s,
            prompt,
            max_tokens: self.max_tokens,
        }
    }
}

impl Workload {
    /// Requests from `source`, with answers of `output` tokens where it does not say.
    ///
    /// # Errors
    /// If the shared prefix leaves nothing of the shortest prompt, or there is no prompt at all.
    pub fn new(
        vocabulary: Vocabulary,
        source: Source,
        output: Lengths,
        seed: u64,
    ) -> Result<Self, WorkloadProblem> {
        source.check()?;
        let mut draws = fastrand::Rng::with_seed(seed);
        let mut source = source;
        if let Source::Dataset(dataset) = &mut source {
            draws.shuffle(&mut dataset.samples);
        }
        let prefix = match &source {
            Source::Synthetic { shared_prefix, .. } => {
                vocabulary.draw(*shared_prefix, &mut seeded(seed, PREFIX_DRAWS))
            }
            _ => Drawn::default(),
        };
        Ok(Self {
            vocabulary,
            source,
            output,
            draws,
            seed,
            prefix,
            asked: 0,
            rounds: 0,
        })
    }

    /// How many requests a round has: `asked`, or what is usual for the load; of a trace, as many
    /// as it has lines.
    pub fn count(&self, load: &Load, asked: Option<usize>) -> usize {
        match &self.source {
            Source::Trace(trace) => {
                let lines = trace.arrivals.len();
                asked.map_or(lines, |asked| asked.min(lines))
            }
            _ => asked.unwrap_or_else(|| load.usual_requests()),
        }
    }

    /// The requests of the next round, [`count`](Self::count) of them.
    pub fn draw(&mut self, load: &Load, asked: Option<usize>) -> Vec<Job> {
        self.rounds += 1;
        let count = self.count(load, asked);
        let mut jobs = self.questions(count);
        if let Load::Open { rate } = load {
            let arrivals = rate.arrivals(jobs.len(), &mut self.draws);
            for (job, arrival) in jobs.iter_mut().zip(arrivals) {
                job.arrival_s = arrival;
            }
        }
        jobs
    }

    /// Requests that nobody measures, all due at once.
    pub fn warm_up(&mut self, count: usize) -> Vec<Job> {
        let (prompt, output) = match &self.source {
            Source::Synthetic { prompt, .. } => (prompt.clone(), self.output.clone()),
            _ => (Lengths::fixed(WARM_UP.0), Lengths::fixed(WARM_UP.1)),
        };
        let draws = &mut self.draws;
        let one = |_| {
            let drawn = self.vocabulary.draw(prompt.draw(draws), draws);
            drawn.into_job(output.draw(draws))
        };
        (0..count).map(one).collect()
    }

    /// Whether a prompt was asked more than once: where an engine caches prefixes, such a prompt
    /// is read faster.
    pub fn has_repeated(&self) -> bool {
        match &self.source {
            Source::Synthetic { .. } => false,
            Source::Dataset(dataset) => self.asked > dataset.samples.len(),
            Source::Trace(trace) => self.rounds > 1 && trace.is_fixed(),
        }
    }

    fn questions(&mut self, count: usize) -> Vec<Job> {
        match &self.source {
            Source::Synthetic { prompt, .. } => {
                let prompt = prompt.clone();
                (0..count).map(|_| self.synthetic(&prompt)).collect()
            }
            Source::Dataset(dataset) => {
                let samples = dataset.samples.iter().cycle().skip(self.asked).take(count);
                let samples: Vec<_> = samples.cloned().collect();
                self.asked += count;
                samples.into_iter().map(|s| self.sampled(s)).collect()
            }
            Source::Trace(trace) => {
                let arrivals: Vec<_> = trace.arrivals.iter().take(count).cloned().collect();
                arrivals.into_iter().map(|a| self.traced(a)).collect()
            }
        }
    }

    fn synthetic(&mut self, prompt: &Lengths) -> Job {
        let own = prompt.draw(&mut self.draws) - self.prefix.ids.len();
        let mut drawn = self.prefix.clone();
        drawn.append(&self.vocabulary.draw(own, &mut self.draws));
        drawn.into_job(self.output.draw(&mut self.draws))
    }

    fn sampled(&mut self, sample: Sample) -> Job {
        let output = sample.output_tokens;
        Job {
            tokens: None,
            text: sample.prompt,
            max_tokens: output.unwrap_or_else(|| self.output.draw(&mut self.draws)),
            arrival_s: 0.0,
        }
    }

    fn traced(&mut self, arrival: Arrival) -> Job {
        let output = arrival.output_tokens;
        let max_tokens = output.unwrap_or_else(|| self.output.draw(&mut self.draws));
        let job = match arrival.question {
            Question::Text(text) => Job {
                tokens: None,
                text,
                max_tokens,
                arrival_s: 0.0,
            },
            Question::Tokens { count, blocks } => {
                self.in_blocks(count, &blocks).into_job(max_tokens)
            }
        };
        Job {
            arrival_s: arrival.at_s,
            ..job
        }
    }

    /// A prompt of `count` tokens that begins with these blocks, each the same wherever it stands.
    fn in_blocks(&mut self, count: usize, blocks: &[u64]) -> Drawn {
        let mut drawn = Drawn::default();
        for &block in blocks {
            let left = count - drawn.ids.len();
            let mut draws = seeded(self.seed, block);
            drawn.append(&self.vocabulary.draw(left.min(HASH_BLOCK), &mut draws));
        }
        let left = count - drawn.ids.len();
        drawn.append(&self.vocabulary.draw(left, &mut self.draws));
        drawn
    }
}

impl Drawn {
    fn into_job(self, max_tokens: usize) -> Job {
        Job {
            tokens: Some(self.ids),
            text: self.text,
            max_tokens,
            arrival_s: 0.0,
        }
    }
}

/// Draws that depend on the seed and on what they are for.
fn seeded(seed: u64, purpose: u64) -> fastrand::Rng {
    fastrand::Rng::with_seed(seed.rotate_left(32) ^ purpose)
}
