//! The course of a bench.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use stream_bench::bench::run;
use stream_bench::protocol::{Outcome, Ready, Record, Round};
use stream_bench::{Contender, ContenderError, Entry, Load, Local, Meter, Observer, Plan, stats};
use stream_core::Mock;

use crate::lab::{plan, workload};

const ALONE: Load = Load::Closed { concurrency: 1 };
const TWO: Load = Load::Closed { concurrency: 2 };

fn no_meter() -> Meter {
    Meter::at(std::path::Path::new("no/such/folder"))
}

fn entry(label: &str, start: impl FnOnce() -> Started + 'static) -> Entry {
    Entry {
        label: label.to_owned(),
        backend: "mock".to_owned(),
        threads: None,
        start: Box::new(start),
    }
}

type Started = Result<Box<dyn Contender>, ContenderError>;

fn mock(label: &str, delay: Duration) -> Entry {
    entry(label, move || {
        let mock = Mock::new(vec!["x"; 64]).with_delay(delay);
        Ok(Box::new(Local::new(Arc::new(mock))))
    })
}

/// What contenders were asked, in the order in which they were.
type Log = Arc<Mutex<Vec<(String, Round)>>>;

/// Answers nothing, and writes down what it was asked. It breaks in its round `breaks`.
struct Scribe {
    label: &'static str,
    log: Log,
    ready: Ready,
    rounds: usize,
    breaks: usize,
}

impl Contender for Scribe {
    fn ready(&self) -> &Ready {
        &self.ready
    }
    fn run(&mut self, round: &Round, _: &mut dyn FnMut(usize)) -> Result<Outcome, ContenderError> {
        self.log
            .lock()
            .unwrap()
            .push((self.label.to_owned(), round.clone()));
        self.rounds += 1;
        if self.rounds > self.breaks {
            return Err(ContenderError::Refused("it fell".to_owned()));
        }
        Ok(Outcome {
            duration_s: 1.0,
            requests: vec![],
        })
    }
    fn peak_memory(&self) -> Option<u64> {
        Some(1000 - self.rounds as u64)
    }
}

fn ready(label: &str) -> Ready {
    Ready {
        backend: label.to_owned(),
        version: None,
        model: "none".to_owned(),
        device: "none".to_owned(),
        context_length: None,
        token_prompts: true,
        exact_length: true,
    }
}

fn scribe(label: &'static str, log: &Log, breaks: usize) -> Entry {
    let log = log.clone();
    entry(label, move || {
        Ok(Box::new(Scribe {
            label,
            log,
            ready: ready(label),
            rounds: 0,
            breaks,
        }))
    })
}

#[test]
fn rounds_are_interleaved_and_each_contender_gets_the_same_requests() {
    let log = Log::default();
    let entries = vec![scribe("a", &log, 99), scribe("b", &log, 99)];
    let measured = run(
        &plan(vec![ALONE, TWO]),
        &mut workload(),
        entries,
        &no_meter(),
        &mut (),
    );
    let log = log.lock().unwrap();
    let order: String = log.iter().map(|(label, _)| label.as_str()).collect();
    assert_eq!(order, "ab".to_owned() + "abab" + "baba" + "abab");
    for pair in log.chunks(2) {
        assert_eq!(pair[0].1, pair[1].1);
    }
    // Prompts do not repeat from load to load and from round to round.
    let prompts = log.iter().step_by(2).flat_map(|(_, round)| &round.requests);
    let prompts: Vec<_> = prompts.map(|ask| format!("{:?}", ask.prompt)).collect();
    let distinct: std::collections::HashSet<_> = prompts.iter().collect();
    assert_eq!((prompts.len(), distinct.len()), (25, 25));
    let runs: Vec<_> = measured
        .runs
        .iter()
        .map(|r| (r.round, r.load, r.entrant))
        .collect();
    assert_eq!(runs[4..8], [(1, 0, 1), (1, 0, 0), (1, 1, 1), (1, 1, 0)]);
}

#[test]
fn one_that_breaks_or_does_not_start_leaves_the_others() {
    let log = Log::default();
    let absent = entry("absent", || {
        Err(ContenderError::Refused("no model".to_owned()))
    });
    let entries = vec![absent, scribe("falls", &log, 2), scribe("stays", &log, 99)];
    let measured = run(
        &plan(vec![ALONE]),
        &mut workload(),
        entries,
        &no_meter(),
        &mut (),
    );
    let failures: Vec<_> = measured
        .entrants
        .iter()
        .map(|e| e.failure.as_deref())
        .collect();
    assert_eq!(failures, [Some("no model"), Some("it fell"), None]);
    assert_eq!(measured.entrants[0].ready, None);
    // The warm-up, which is no run, was its first round.
    let of = |entrant| {
        measured
            .runs
            .iter()
            .filter(|r| r.entrant == entrant)
            .count()
    };
    assert_eq!([of(0), of(1), of(2)], [0, 1, 3]);
    assert_eq!(measured.entrants[2].peak_memory_bytes, Some(1000));
}

#[test]
fn a_contender_slowed_on_purpose_is_shown_slower() {
    let (quick, slow) = (Duration::from_millis(2), Duration::from_millis(12));
    let entries = vec![mock("quick", quick), mock("slow", slow)];
    let measured = run(
        &plan(vec![ALONE]),
        &mut workload(),
        entries,
        &no_meter(),
        &mut (),
    );
    let medians = |entrant| {
        let runs = measured.runs.iter().filter(|r| r.entrant == entrant);
        runs.map(|r| r.metrics.tpot_ms.median).collect::<Vec<_>>()
    };
    let ratios: Vec<_> = medians(1)
        .iter()
        .zip(medians(0))
        .map(|(s, q)| s / q)
        .collect();
    assert_eq!(ratios.len(), 3);
    // It sleeps six times as long; on a busy machine both sleep longer than they want.
    let ratio = stats::median(&ratios);
    assert!((1.5..12.0).contains(&ratio), "{ratios:?}");
}

/// Answers in times that nobody has to wait for: each token takes `step` seconds.
struct Recorded {
    ready: Ready,
    step: f64,
}

impl Contender for Recorded {
    fn ready(&self) -> &Ready {
        &self.ready
    }
    fn run(&mut self, round: &Round, _: &mut dyn FnMut(usize)) -> Result<Outcome, ContenderError> {
        let mut now = 0.0;
        let record = |max_tokens: usize| {
            let sent_s = now;
            let tokens_s: Vec<_> = (1..=max_tokens)
                .map(|n| sent_s + n as f64 * self.step)
                .collect();
            now = sent_s + max_tokens as f64 * self.step;
            Record {
                arrival_s: sent_s,
                sent_s,
                tokens_s,
                ended_s: now,
                prompt_tokens: 1,
                output_tokens: max_tokens,
                ..Record::default()
            }
        };
        let lengths = round.requests.iter().map(|ask| ask.max_tokens);
        let requests = lengths.map(record).collect();
        Ok(Outcome {
            duration_s: now,
            requests,
        })
    }
    fn peak_memory(&self) -> Option<u64> {
        None
    }
}

#[test]
fn what_each_step_takes_longer_is_what_the_figures_say() {
    let (step, sleep) = (0.002, 0.005);
    let recorded = |label: &'static str, step| {
        entry(label, move || {
            let ready = ready(label);
            Ok(Box::new(Recorded { ready, step }))
        })
    };
    let entries = vec![recorded("quick", step), recorded("slow", step + sleep)];
    let mut workload = workload();
    let measured = run(
        &plan(vec![ALONE]),
        &mut workload,
        entries,
        &no_meter(),
        &mut (),
    );
    let of = |entrant| measured.runs.iter().filter(move |r| r.entrant == entrant);
    assert_eq!(of(0).count(), 3);
    for (quick, slow) in of(0).zip(of(1)) {
        let (quick, slow) = (&quick.metrics, &slow.metrics);
        for (quick, slow) in [
            (quick.itl_ms, slow.itl_ms),
            (quick.tpot_ms, slow.tpot_ms),
            (quick.ttft_ms, slow.ttft_ms),
        ] {
            assert!(
                (slow.mean - quick.mean - 5.0).abs() < 1e-9,
                "{quick:?} {slow:?}"
            );
            assert!(
                (slow.p99 - quick.p99 - 5.0).abs() < 1e-9,
                "{quick:?} {slow:?}"
            );
        }
        let ratio = quick.output_throughput() / slow.output_throughput();
        assert!((ratio - (step + sleep) / step).abs() < 1e-9, "{ratio}");
    }
}

#[test]
fn the_observer_sees_every_request() {
    #[derive(Default)]
    struct Count {
        expected: usize,
        seen: usize,
        stages: Vec<String>,
    }
    impl Observer for Count {
        fn stage(&mut self, text: &str) {
            self.stages.push(text.to_owned());
        }
        fn expect(&mut self, requests: usize) {
            self.expected = requests;
        }
        fn advance(&mut self, requests: usize) {
            self.seen += requests;
        }
    }
    let mut count = Count::default();
    let log = Log::default();
    let entries = vec![mock("m", Duration::ZERO), scribe("falls", &log, 1)];
    let plan = Plan {
        num_prompts: None,
        ..plan(vec![ALONE, Load::Closed { concurrency: 5 }])
    };
    run(&plan, &mut workload(), entries, &no_meter(), &mut count);
    // Eight requests of the one load and ten of the other, for two contenders in three rounds.
    assert_eq!((count.expected, count.seen), (108, 108));
    assert_eq!(count.stages[0], "m starts");
    assert_eq!(count.stages.last().unwrap(), "falls c=5, round 3 of 3");
}
