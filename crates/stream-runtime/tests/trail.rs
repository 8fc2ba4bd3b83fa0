//! What is logged of a request. The subscriber is the whole process's, so it has a process of its
//! own.

use std::io;
use std::sync::{Arc, Mutex};

use stream_core::{BackendExt, Request, SlowReader, Stop};
use stream_runtime::{Engine, EngineConfig};
use stream_testkit::{Golden, Toy};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::FmtSpan;

const PROMPT: &str = "a secret";

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn listen() -> Lines {
    let lines = Lines::default();
    let writer = lines.clone();
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::DEBUG)
        .with_span_events(FmtSpan::NEW | FmtSpan::CLOSE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();
    lines
}

fn request(tokens: usize) -> Request {
    let stop = Stop::builder().ignore_eos().build().unwrap();
    let request = Request::raw(PROMPT).greedy().max_tokens(tokens).stop(stop);
    let paused = request.buffer(5).slow_reader(SlowReader::Pause);
    paused.build().unwrap()
}

/// How often each thing is said in the span with this number, and how it ended.
fn said(log: &str, id: usize) -> ([usize; 5], &str) {
    let span = format!("request{{id={id} ");
    let lines: Vec<_> = log.lines().filter(|line| line.contains(&span)).collect();
    let count = |what: &str| {
        let what = format!(": {what}");
        lines.iter().filter(|line| line.contains(&what)).count()
    };
    let end = lines.iter().find(|line| line.contains(": end "));
    let said = ["new", "scheduled", "first token", "end ", "close"].map(count);
    (said, end.unwrap())
}

#[test]
fn a_request_has_one_span_from_its_acceptance_to_its_end() {
    let lines = listen();
    let config = EngineConfig::new("toy", "hash", "cpu");
    let engine = Engine::start(
        Toy::new(Toy::small(64)),
        Arc::new(Golden::default()),
        config,
    );
    let engine = engine.unwrap();
    let twice = request(5);
    let number = twice.id();
    let first = engine.generate(twice.clone()).unwrap();
    assert_eq!(first.blocking().completion().unwrap().ids.len(), 5);
    let second = engine.generate(twice).unwrap();
    assert_eq!(second.blocking().completion().unwrap().ids.len(), 5);
    let cancelled = engine.generate(request(40)).unwrap();
    let mut cancelled = cancelled.blocking();
    assert!(cancelled.next().is_some_and(|token| token.is_ok()));
    drop(cancelled);
    assert!(engine.generate(request(1_000_000)).is_err());
    drop(engine);

    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert_eq!(log.matches("request{id=").count(), 15, "{log}");
    for (id, reason) in [(1, "length"), (2, "length"), (3, "cancelled")] {
        let (said, end) = said(&log, id);
        assert_eq!(said, [1; 5], "{log}");
        assert!(end.contains(&format!("reason=\"{reason}\"")), "{end}");
        assert!(
            end.contains("backend=\"toy\" model=\"hash\" prompt_tokens="),
            "{end}"
        );
    }
    let (_, end) = said(&log, 2);
    assert!(end.contains(&format!("request={number} ")), "{end}");
    assert!(end.contains("max_tokens=5}"), "{end}");
    assert!(end.contains("completion_tokens=5 "), "{end}");
    assert!(!log.contains("secret"), "{log}");
}
