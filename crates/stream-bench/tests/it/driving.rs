//! The load generator on a backend that says what it saw.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use stream_bench::drive;
use stream_bench::protocol::{Ask, Input, Round};
use stream_core::{
    Backend, BackendInfo, Capabilities, Drained, Mock, Prompt, Rejected, Rejection, Request,
    Support, TokenSink,
};

/// A mock that notes what it was asked, and refuses what is too long.
struct Witness {
    mock: Mock,
    info: BackendInfo,
    seen: Mutex<Vec<Request>>,
    most: AtomicUsize,
}

impl Witness {
    fn new(capabilities: Capabilities) -> Self {
        let mock = Mock::new(vec!["x"; 8]).with_delay(Duration::from_millis(1));
        Self {
            info: BackendInfo {
                capabilities,
                ..mock.info().clone()
            },
            mock,
            seen: Mutex::default(),
            most: AtomicUsize::new(0),
        }
    }
}

#[async_trait::async_trait]
impl Backend for Witness {
    fn info(&self) -> &BackendInfo {
        &self.info
    }
    fn submit(&self, request: Request, sink: TokenSink) -> Result<(), Rejected> {
        self.seen.lock().unwrap().push(request.clone());
        self.most
            .fetch_max(self.mock.running() + 1, Ordering::Relaxed);
        if matches!(request.prompt(), Prompt::Raw(text) if text.len() > 8) {
            return Err(Rejected::new(Rejection::ShuttingDown, request, sink));
        }
        let plain = Request::raw("x").max_tokens(request.max_tokens().unwrap());
        self.mock.submit(plain.build().unwrap(), sink)
    }
    async fn drain(&self, deadline: Instant) -> Drained {
        self.mock.drain(deadline).await
    }
}

fn round(concurrency: Option<usize>, requests: Vec<Ask>) -> Round {
    Round {
        concurrency,
        timeout_s: 60.0,
        requests,
    }
}

fn ask(arrival_s: f64, prompt: &str, max_tokens: usize) -> Ask {
    Ask {
        arrival_s,
        prompt: Input::Text(prompt.to_owned()),
        max_tokens,
    }
}

#[test]
fn a_closed_loop_never_has_more_requests_under_way_than_clients() {
    let witness = Witness::new(Capabilities::core());
    let asks = (0..12).map(|i| ask(0.0, "x", 1 + i % 3)).collect();
    let mut ended = Vec::new();
    let outcome = drive(&witness, &round(Some(3), asks), &mut |n| ended.push(n));
    assert_eq!(ended, (1..=12).collect::<Vec<_>>());
    assert!(
        witness.most.load(Ordering::Relaxed) <= 3 + 3,
        "threads of a mock end a little late"
    );
    let tokens: Vec<_> = outcome.requests.iter().map(|r| r.tokens_s.len()).collect();
    assert_eq!(tokens, [1, 2, 3].repeat(4));
    let at_once = stream_bench::metrics::most_at_once(&outcome);
    assert!((1..=3).contains(&at_once), "{at_once}");
}

#[test]
fn records_are_in_the_order_of_time() {
    let witness = Witness::new(Capabilities::core());
    let asks = vec![ask(0.0, "x", 3), ask(0.02, "x", 3)];
    let outcome = drive(&witness, &round(None, asks), &mut |_| ());
    for record in &outcome.requests {
        assert!(record.arrival_s <= record.sent_s);
        assert!(record.sent_s <= record.tokens_s[0]);
        assert!(record.scheduled_s.unwrap() <= record.tokens_s[0]);
        assert!(record.tokens_s.is_sorted());
        assert!(record.tokens_s[2] <= record.ended_s && record.ended_s <= outcome.duration_s);
        assert_eq!((record.output_tokens, &record.error), (3, &None));
    }
    assert!(outcome.requests[1].sent_s >= 0.02);
}

#[test]
fn a_refusal_is_noted_and_the_others_go_on() {
    let witness = Witness::new(Capabilities::core());
    let asks = vec![
        ask(0.0, "x", 1),
        ask(0.0, "much too long", 1),
        ask(0.0, "x", 1),
    ];
    let outcome = drive(&witness, &round(Some(1), asks), &mut |_| ());
    let errors: Vec<_> = outcome
        .requests
        .iter()
        .map(|r| r.error.as_deref())
        .collect();
    assert_eq!(errors, [None, Some("the backend is shutting down"), None]);
}

#[test]
fn a_request_that_takes_too_long_has_failed() {
    let mock = Mock::new(["x"]).with_delay(Duration::from_millis(200));
    let limited = Round {
        timeout_s: 0.01,
        ..round(None, vec![ask(0.0, "x", 1)])
    };
    let outcome = drive(&mock, &limited, &mut |_| ());
    let error = outcome.requests[0].error.as_ref().unwrap();
    assert!(error.contains("deadline"), "{error}");
}

#[test]
fn a_round_without_requests_is_over_at_once() {
    let outcome = drive(&Mock::new(["x"]), &round(Some(4), vec![]), &mut |_| ());
    assert!(outcome.requests.is_empty());
}

#[test]
fn requests_are_greedy_and_of_exact_length_where_the_backend_can() {
    let asked = |capabilities| {
        let witness = Witness::new(capabilities);
        drive(&witness, &round(None, vec![ask(0.0, "x", 2)]), &mut |_| ());
        let request = witness.seen.lock().unwrap().remove(0);
        let greedy = request.sampling().temperature() == 0.0;
        (greedy, request.stop().ignore_eos(), request.max_tokens())
    };
    assert_eq!(asked(Capabilities::core()), (true, true, Some(2)));
    let none = Capabilities::all(Support::Unsupported);
    assert_eq!(asked(none), (false, false, Some(2)));
}
