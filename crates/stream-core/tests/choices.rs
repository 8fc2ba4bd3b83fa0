//! Several answers to one request.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Instant;

use futures::StreamExt;
use futures::executor::block_on;
use stream_core::{
    Backend, BackendExt, BackendInfo, Drained, Error, FinishReason, Mock, Rejected, Rejection,
    Request, Token, TokenSink,
};

fn three() -> Request {
    Request::raw("x").n(3).build().unwrap()
}

/// Takes so many requests and keeps their sinks for the test to write.
struct Hand {
    mock: Mock,
    most: usize,
    taken: Mutex<Vec<(u32, TokenSink)>>,
}

impl Hand {
    fn new(most: usize) -> Self {
        Self {
            mock: Mock::new([""]),
            most,
            taken: Mutex::default(),
        }
    }
}

#[async_trait::async_trait]
impl Backend for Hand {
    fn info(&self) -> &BackendInfo {
        self.mock.info()
    }

    fn submit(&self, request: Request, sink: TokenSink) -> Result<(), Rejected> {
        let mut taken = self.taken.lock().unwrap();
        if taken.len() == self.most {
            let reason = Rejection::QueueFull {
                capacity: self.most,
            };
            return Err(Rejected::new(reason, request, sink));
        }
        taken.push((request.choice(), sink));
        Ok(())
    }

    async fn drain(&self, deadline: Instant) -> Drained {
        self.mock.drain(deadline).await
    }
}

#[test]
fn one_stream_takes_one_answer_only() {
    let rejected = Mock::new(["a"]).generate(three()).unwrap_err();
    let message = rejected.to_string();
    assert!(message.starts_with("n is 3, but must be 1"), "{message}");
    assert!(message.contains("generate_choices"), "{message}");
    assert_eq!(rejected.into_request().n(), 3);
}

#[test]
fn every_way_of_reading_gives_every_answer() {
    let mock = Mock::new(["a", "b", "c"]).with_prompt_tokens(4);
    let completions = block_on(mock.generate_choices(three()).unwrap().collect()).unwrap();
    let texts: Vec<_> = completions.iter().map(|c| c.text.as_str()).collect();
    assert_eq!(texts, ["abc"; 3]);

    let mut texts = HashMap::<_, String>::new();
    for (choice, record) in mock.generate_choices(three()).unwrap() {
        *texts.entry(choice).or_default() += &record.unwrap().text;
    }
    assert_eq!(texts, (0..3).map(|choice| (choice, "abc".into())).collect());

    let apart = mock.generate_choices(three()).unwrap().into_streams();
    for stream in apart {
        assert_eq!(stream.blocking().completion().unwrap().text, "abc");
    }
    let mut blocking = mock.generate_choices(three()).unwrap().blocking();
    blocking
        .by_ref()
        .for_each(|(_, record)| drop(record.unwrap()));
    let usage = blocking.choices().usage();
    assert_eq!((usage.prompt_tokens, usage.completion_tokens), (4, 9));
    assert_eq!(blocking.completions().unwrap().len(), 3);
}

#[test]
fn if_one_is_refused_the_others_are_cancelled() {
    let hand = Hand::new(2);
    let request = three();
    let rejected = hand.generate_choices(request.clone()).unwrap_err();
    assert_eq!(rejected.reason, Rejection::QueueFull { capacity: 2 });
    assert_eq!(
        rejected.into_request(),
        request,
        "the whole request comes back"
    );
    let taken = hand.taken.lock().unwrap();
    assert_eq!(taken.iter().map(|t| t.0).collect::<Vec<_>>(), [0, 1]);
    assert!(taken.iter().all(|(_, sink)| sink.is_cancelled()));
}

#[test]
fn an_answer_that_fails_does_not_touch_the_others() {
    let hand = Hand::new(3);
    let mut choices = hand.generate_choices(three()).unwrap();
    let mut sinks = std::mem::take(&mut *hand.taken.lock().unwrap());
    let send = |sink: &TokenSink| sink.try_reserve().unwrap().send(Token::new(1, "a"));
    let next = |choices: &mut stream_core::Choices| block_on(choices.next());
    send(&sinks[2].1);
    assert_eq!(next(&mut choices).unwrap().0, 2);
    sinks.remove(1).1.fail(Error::ShutDown);
    assert_eq!(next(&mut choices), Some((1, Err(Error::ShutDown))));
    sinks.iter().for_each(|(_, sink)| send(sink));
    let both = [next(&mut choices).unwrap().0, next(&mut choices).unwrap().0];
    assert_eq!(both, [2, 0], "in turns");
    sinks
        .into_iter()
        .for_each(|(_, sink)| sink.finish(FinishReason::Length));
    assert_eq!(next(&mut choices), None);
    assert_eq!(next(&mut choices), None);
    let ends: Vec<_> = choices
        .streams()
        .iter()
        .map(|s| s.end().unwrap().outcome.is_ok())
        .collect();
    assert_eq!(ends, [true, false, true]);
}

#[test]
fn abort_and_drop_cancel_all() {
    for abort in [true, false] {
        let hand = Hand::new(3);
        let choices = hand.generate_choices(three()).unwrap();
        if abort {
            choices.abort();
        } else {
            drop(choices);
        }
        let taken = hand.taken.lock().unwrap();
        assert!(taken.iter().all(|(_, sink)| sink.is_cancelled()));
    }
}
