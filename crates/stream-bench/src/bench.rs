//! The course of a bench: contenders are started and warmed up, and then measured in turns.
//!
//! In each round every load is put on every contender, one after the other, with the same
//! requests; the next round begins with the next contender. Whatever else the machine does, and
//! however it drifts, falls on all alike, and a ratio of two contenders is taken within a round.
//! Only one contender works at a time: the others wait for their next line.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::contender::{Contender, ContenderError};
use crate::energy::Meter;
use crate::goodput::Goal;
use crate::load::Load;
use crate::metrics::Metrics;
use crate::protocol::{Outcome, Ready, Round};
use crate::workload::{Job, Workload};

/// What is measured, and how often.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The loads that each contender bears in each round.
    pub loads: Vec<Load>,
    /// Rounds.
    pub rounds: usize,
    /// Requests before the first round, which are not counted.
    pub warm_up: usize,
    /// Requests of a load in a round; left out, what is usual for the load.
    pub num_prompts: Option<usize>,
    /// After so long a request has failed.
    pub timeout: Duration,
    /// What counts as good service.
    pub goal: Goal,
}

/// A contender that can be started.
pub struct Entry {
    /// Its name in the report.
    pub label: String,
    /// The engine.
    pub backend: String,
    /// Threads that were asked for; without, the engine chooses.
    pub threads: Option<usize>,
    /// Loads the model, and takes as long as that takes.
    pub start: Starter,
}

/// Starts a contender.
pub type Starter = Box<dyn FnOnce() -> Result<Box<dyn Contender>, ContenderError>>;

/// What is told of a contender beside its rounds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entrant {
    /// Its name in the report.
    pub label: String,
    /// The engine.
    pub backend: String,
    /// Threads that were asked for.
    pub threads: Option<usize>,
    /// What it said of itself, if it started.
    pub ready: Option<Ready>,
    /// Seconds from starting its process until it was ready.
    pub start_up_s: Option<f64>,
    /// The most memory that its process ever held, where the system tells.
    pub peak_memory_bytes: Option<u64>,
    /// Why it could not take part, or not to the end.
    pub failure: Option<String>,
}

/// One contender under one load in one round.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Which contender, as an index.
    pub entrant: usize,
    /// Which load, as an index.
    pub load: usize,
    /// Which round, from 0.
    pub round: usize,
    /// What happened.
    pub outcome: Outcome,
    /// What it says.
    pub metrics: Metrics,
    /// The joules that the processor took, where the machine tells.
    pub energy_j: Option<f64>,
}

/// Everything that was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// The contenders, in the order in which they were named.
    pub entrants: Vec<Entrant>,
    /// The runs, in the order in which they were made.
    pub runs: Vec<Run>,
    /// Some prompts were asked more than once.
    pub repeated_prompts: bool,
}

/// Is told how far a bench is.
pub trait Observer {
    /// What happens now.
    fn stage(&mut self, text: &str);
    /// So many requests are to come in all, as far as is known.
    fn expect(&mut self, requests: usize);
    /// So many more requests have ended, or will never be sent.
    fn advance(&mut self, requests: usize);
}

/// Tells nobody.
impl Observer for () {
    fn stage(&mut self, _: &str) {}
    fn expect(&mut self, _: usize) {}
    fn advance(&mut self, _: usize) {}
}

/// A contender while the bench goes on.
struct Runner {
    entrant: Entrant,
    contender: Option<Box<dyn Contender>>,
}

/// Runs the whole plan. A contender that cannot be started, or breaks, is left out from there on
/// and says why; the others go on.
pub fn run(
    plan: &Plan,
    workload: &mut Workload,
    entries: Vec<Entry>,
    meter: &Meter,
    observer: &mut dyn Observer,
) -> Measured {
    let runners = entries
        .into_iter()
        .map(|entry| Runner::start(entry, observer));
    let mut course = Course {
        plan,
        meter,
        runners: runners.collect(),
        runs: Vec::new(),
        observer,
    };
    course.warm_up(&workload.warm_up(plan.warm_up));
    course.announce(workload);
    for round in 0..plan.rounds {
        for (load, kind) in plan.loads.iter().enumerate() {
            course.bear(round, load, &workload.draw(kind, plan.num_prompts));
        }
    }
    let entrants = course.runners.into_iter().map(|runner| runner.entrant);
    Measured {
        entrants: entrants.collect(),
        runs: course.runs,
        repeated_prompts: workload.has_repeated(),
    }
}

/// A bench that goes on.
struct Course<'a> {
    plan: &'a Plan,
    meter: &'a Meter,
    runners: Vec<Runner>,
    runs: Vec<Run>,
    observer: &'a mut dyn Observer,
}

impl Course<'_> {
    fn warm_up(&mut self, jobs: &[Job]) {
        for runner in self.runners.iter_mut().filter(|_| !jobs.is_empty()) {
            let label = &runner.entrant.label;
            self.observer.stage(&format!("{label} warms up"));
            runner.answer(self.plan, None, jobs, &mut |_| ());
        }
    }

    /// Says how many requests are to come.
    fn announce(&mut self, workload: &Workload) {
        let count = |load| workload.count(load, self.plan.num_prompts);
        let of_all: usize = self.plan.loads.iter().map(count).sum();
        self.observer
            .expect(of_all * self.runners.len() * self.plan.rounds);
    }

    /// Puts a load on each contender, one after the other.
    fn bear(&mut self, round: usize, load: usize, jobs: &[Job]) {
        let (kind, rounds) = (&self.plan.loads[load], self.plan.rounds);
        for entrant in turns(self.runners.len(), round) {
            let runner = &mut self.runners[entrant];
            let label = &runner.entrant.label;
            let stage = format!("{label} {kind}, round {} of {rounds}", round + 1);
            self.observer.stage(&stage);
            let measured = runner.measure(self.plan, kind, jobs, self.meter, self.observer);
            self.runs.extend(measured.map(|(outcome, energy_j)| Run {
                entrant,
                load,
                round,
                metrics: Metrics::of(&outcome, &self.plan.goal),
                outcome,
                energy_j,
            }));
        }
    }
}

/// The order of the contenders in a round: each is the first once in as many rounds as there are.
fn turns(count: usize, round: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |place| (place + round) % count)
}

impl Runner {
    fn start(entry: Entry, observer: &mut dyn Observer) -> Self {
        observer.stage(&format!("{} starts", entry.label));
        let begun = Instant::now();
        let started = (entry.start)();
        let start_up_s = begun.elapsed().as_secs_f64();
        let mut entrant = Entrant {
            label: entry.label,
            backend: entry.backend,
            threads: entry.threads,
            ready: None,
            start_up_s: None,
            peak_memory_bytes: None,
            failure: None,
        };
        let contender = match started {
            Ok(contender) => {
                entrant.ready = Some(contender.ready().clone());
                entrant.start_up_s = Some(start_up_s);
                entrant.peak_memory_bytes = contender.peak_memory();
                Some(contender)
            }
            Err(error) => {
                entrant.failure = Some(error.to_string());
                None
            }
        };
        Self { entrant, contender }
    }

    /// A run with the energy that it took.
    fn measure(
        &mut self,
        plan: &Plan,
        load: &Load,
        jobs: &[Job],
        meter: &Meter,
        observer: &mut dyn Observer,
    ) -> Option<(Outcome, Option<f64>)> {
        let before = meter.read();
        let mut told = 0;
        let outcome = self.answer(plan, load.concurrency(), jobs, &mut |ended| {
            observer.advance(ended.saturating_sub(told));
            told = ended;
        });
        observer.advance(jobs.len().saturating_sub(told));
        let energy = before.and_then(|before| meter.joules_since(&before));
        Some((outcome?, energy))
    }

    /// Sends the requests; a contender that breaks is left out from here on.
    fn answer(
        &mut self,
        plan: &Plan,
        concurrency: Option<usize>,
        jobs: &[Job],
        done: &mut dyn FnMut(usize),
    ) -> Option<Outcome> {
        let contender = self.contender.as_mut()?;
        let token_prompts = contender.ready().token_prompts;
        let round = Round {
            concurrency,
            timeout_s: plan.timeout.as_secs_f64(),
            requests: jobs.iter().map(|job| job.ask(token_prompts)).collect(),
        };
        let outcome = contender.run(&round, done);
        let peak = contender.peak_memory();
        self.entrant.peak_memory_bytes = peak.max(self.entrant.peak_memory_bytes);
        match outcome {
            Ok(outcome) => Some(outcome),
            Err(error) => {
                self.entrant.failure = Some(error.to_string());
                self.contender = None;
                None
            }
        }
    }
}
