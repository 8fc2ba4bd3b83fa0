//! Speculative decoding: what is drafted is a matter of speed alone.

use std::sync::Arc;
use std::thread::scope;

use proptest::prelude::*;
use stream_core::{
    Completion, FinishReason, Request, RequestBuilder, Sampling, SlowReader, Stats, Stop, TokenId,
};
use stream_runtime::Spec;
use stream_testkit::{Brain, Control, Fault};

use crate::lab::{Lab, config, greedy, read, spec};
use crate::toy::{hashed, scripted};
use crate::words::{END, VOCABULARY, ids};

/// A step costs as much as so many tokens: drafts pay as soon as they are right at times.
fn eager() -> Spec {
    Spec {
        step_overhead: 1000,
        ..spec()
    }
}

/// Mostly what followed the last time that the newest token stood there, at times something
/// else: drafts are right and wrong.
fn fickle() -> Brain {
    let noise = hashed();
    Arc::new(move |tokens| {
        let mut logits = noise(tokens);
        let (last, before) = tokens.split_last().unwrap();
        if let Some(place) = before.iter().rposition(|token| token == last) {
            logits[tokens[place + 1] as usize] += 5.0;
        }
        logits
    })
}

fn request(prompt: &[TokenId], tokens: usize) -> RequestBuilder {
    greedy(prompt, tokens).buffer(64)
}

/// The tokens of each row of a sequence.
fn widths(control: &Control, sequence: u64) -> Vec<usize> {
    let hand = control.hand();
    let rows = hand.steps.iter().flatten();
    rows.filter(|row| row.sequence.0 == sequence)
        .map(|row| row.positions.len())
        .collect()
}

#[test]
fn an_answer_that_repeats_takes_few_steps() {
    let lab = Lab::new(scripted(4, &ids("abcabcabcabc")), eager());
    let ids = read(lab.generate(request(&ids("xabc"), 100)));
    assert_eq!(ids[..6], crate::words::ids("abcabc"));
    let (control, stats) = (lab.control.clone(), lab.settle(1));
    assert_eq!(stats.completion_tokens, 100);
    assert!(stats.steps < 30, "{stats:?}");
    assert!(stats.accepted_tokens > 70, "{stats:?}");
    assert_eq!(stats.steps + stats.accepted_tokens, 100);
    assert_eq!(widths(&control, 0).iter().max(), Some(&8));
}

#[test]
fn it_can_be_switched_off_and_a_model_without_overhead_has_it_off() {
    let mut off = config();
    off.speculative_tokens = 0;
    let labs = [
        Lab::with_config(scripted(1, &[]), eager(), off),
        Lab::new(scripted(1, &[]), spec()),
    ];
    for lab in labs {
        read(lab.generate(request(&ids("a"), 50)));
        let stats = lab.settle(1);
        assert_eq!((stats.steps, stats.drafted_tokens), (50, 0));
    }
}

/// Without a pattern hardly a draft is right, and soon hardly any is made.
#[test]
fn what_does_not_pay_is_given_up() {
    let thrifty = Spec {
        step_overhead: 3,
        context_length: 2048,
        ..spec()
    };
    let lab = Lab::new(hashed(), thrifty);
    read(lab.generate(request(&ids("abc"), 1500)));
    let stats = lab.settle(1);
    assert!(stats.drafted_tokens > 0, "{stats:?}");
    assert!(stats.drafted_tokens < 75, "{stats:?}");
}

#[test]
fn a_busy_step_has_no_drafts() {
    let thrifty = Spec {
        step_overhead: 3,
        ..spec()
    };
    let lab = Lab::new(scripted(1, &[]), thrifty);
    lab.control.hold();
    let streams: Vec<_> = (0..8)
        .map(|_| lab.generate(request(&ids("a"), 40)))
        .collect();
    lab.control.open();
    streams.into_iter().for_each(|stream| drop(read(stream)));
    let steps = lab.control.hand().steps.clone();
    assert!(
        steps
            .iter()
            .all(|rows| rows.len() < 8 || rows.iter().all(|row| row.positions.len() == 1))
    );
    assert_eq!(lab.settle(8).completion_tokens, 320);
}

/// Half of such a step is tried again, without drafts.
#[test]
fn a_draft_without_memory_is_given_up() {
    let lab = Lab::new(scripted(1, &[]), eager());
    for step in [6, 9] {
        lab.control.hand().faults.insert(step, Fault::OutOfMemory);
    }
    let found = read(lab.generate(request(&ids("a"), 100)));
    assert_eq!(found, ids(&"a".repeat(100)));
    assert_eq!(widths(&lab.control, 0)[6..11], [8, 1, 8, 8, 1]);
    assert_eq!(lab.settle(1).requests_finished, 1);
}

/// What depends on the token just before is chosen one by one.
#[test]
fn penalties_dry_mirostat_and_bad_words_are_not_drafted_for() {
    let builders = [
        Sampling::builder().repetition_penalty(1.1),
        Sampling::builder().frequency_penalty(0.1),
        Sampling::builder().dry(stream_core::Dry::default()),
        Sampling::builder().mirostat(stream_core::Mirostat::default()),
        Sampling::builder().bad_word("zzz"),
    ];
    for builder in builders {
        let lab = Lab::new(scripted(1, &[]), eager());
        let sampling = builder.seed(1).build().unwrap();
        read(lab.generate(request(&ids("a"), 30).sampling(sampling.clone())));
        assert_eq!(lab.settle(1).drafted_tokens, 0, "{sampling:?}");
    }
}

/// Each end lies inside of an accepted draft: what comes after it is never seen.
#[test]
fn an_end_inside_a_draft_is_the_end() {
    let line = ids("one two three. one two three. one two three. one two three.");
    let check = |says: &[TokenId], stop: Stop, most: usize, tokens: usize, reason| {
        let lab = Lab::new(scripted(1, says), eager());
        let request = request(&ids("x"), most).stop(stop);
        let completion = lab.generate(request).blocking().completion().unwrap();
        assert_eq!(completion.ids, says[..tokens], "{reason:?}");
        assert_eq!(completion.usage.completion_tokens, tokens);
        assert_eq!(completion.reason, reason);
        let stats = lab.settle(1);
        assert!(stats.accepted_tokens > 0, "{reason:?}: {stats:?}");
    };
    for most in 30..45 {
        check(&line, Stop::default(), most, most, FinishReason::Length);
    }
    // The draft says that the line goes on as before.
    let mut ends = line.clone();
    ends[50] = END;
    check(&ends, Stop::default(), 60, 51, FinishReason::EndOfSequence);
    let stop = Stop::builder()
        .string("two three. one two t")
        .min_tokens(35)
        .build()
        .unwrap();
    check(
        &line,
        stop,
        59,
        39,
        FinishReason::StopString("two three. one two t".into()),
    );
}

/// The prompt says how it goes on, the end and what comes after it included.
#[test]
fn an_end_that_was_drafted_is_the_end() {
    let dot = ids(".")[0];
    for (last, reason) in [
        (dot, FinishReason::StopToken(dot)),
        (END, FinishReason::EndOfSequence),
    ] {
        let swap = |text| -> Vec<_> {
            let swap = |id| if id == dot { last } else { id };
            ids(text).into_iter().map(swap).collect()
        };
        let prompt = swap("x one two three. o");
        let says = swap("ne two three. one");
        let lab = Lab::new(scripted(prompt.len(), &says), eager());
        let stop = Stop::builder().id(dot).build().unwrap();
        let request = Request::tokens(prompt).greedy().max_tokens(50).stop(stop);
        let completion = lab.generate(request).blocking().completion().unwrap();
        assert_eq!(
            (&completion.ids[..], completion.reason),
            (&says[..13], reason)
        );
        let stats = lab.settle(1);
        assert!(stats.steps < 5, "{stats:?}");
        assert_eq!(stats.completion_tokens, 13);
    }
}

#[test]
fn a_draft_needs_room_in_its_stream() {
    for (buffer, most) in [(1, 1), (2, 2), (5, 5)] {
        let lab = Lab::new(scripted(1, &[]), eager());
        let slow = request(&ids("a"), 40)
            .buffer(buffer)
            .slow_reader(SlowReader::Pause);
        let stream = lab.generate(slow);
        // It fills its buffer and stops; its neighbour does not notice.
        let quick = read(lab.generate(request(&ids("b"), 60)));
        assert_eq!(quick.len(), 60);
        assert_eq!(stream.usage().completion_tokens, buffer);
        assert_eq!(read(stream).len(), 40);
        let widest = widths(&lab.control, 0).into_iter().max();
        assert!(widest <= Some(most), "{buffer}: {widest:?}");
        lab.settle(2);
    }
}

#[test]
fn every_token_has_its_log_probability() {
    let lab = Lab::new(fickle(), eager());
    let prompt = ids("abcdefabcdef");
    let stream = lab.generate(request(&prompt, 100).logprobs(2));
    let completion = stream.blocking().completion().unwrap();
    assert_eq!(completion.logprobs.len(), 100);
    let mut all = prompt;
    for (id, told) in completion.ids.iter().zip(&completion.logprobs) {
        let wanted = lab.teacher_forced(&all)[*id as usize];
        assert_eq!(told.token.id, Some(*id));
        assert!((f64::from(told.token.logprob) - wanted).abs() < 1e-4);
        all.push(*id);
    }
    assert!(lab.settle(1).accepted_tokens > 10);
}

/// Everything that may differ between requests.
#[derive(Debug, Clone)]
struct Asked {
    prompt: Vec<TokenId>,
    tokens: usize,
    sampling: Sampling,
    stop: Stop,
    buffer: usize,
    slow_reader: SlowReader,
}

fn samplings() -> impl Strategy<Value = Sampling> {
    let drawn = |seed| Sampling::builder().seed(seed);
    prop_oneof![
        3 => Just(Sampling::greedy()),
        3 => (any::<u64>(), 0.2..1.5f32)
            .prop_map(move |(seed, t)| drawn(seed).temperature(t).build().unwrap()),
        1 => any::<u64>().prop_map(move |seed| drawn(seed).top_k(5).min_p(0.01).build().unwrap()),
        1 => any::<u64>().prop_map(move |seed| drawn(seed).repetition_penalty(1.2).build().unwrap()),
        1 => any::<u64>()
            .prop_map(move |seed| drawn(seed).bad_word("ab").build().unwrap()),
    ]
}

fn stops() -> impl Strategy<Value = Stop> {
    (0..12usize, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(least, id, string, eos)| {
            let mut stop = Stop::builder().min_tokens(least);
            if id {
                stop = stop.id(5);
            }
            if string {
                stop = stop.string("ab");
            }
            if eos {
                stop = stop.ignore_eos();
            }
            stop.build().unwrap()
        },
    )
}

fn asked() -> impl Strategy<Value = Asked> {
    let prompt = prop::collection::vec(2..8 as TokenId, 1..40);
    let readers = prop_oneof![Just(SlowReader::Pause), Just(SlowReader::Coalesce)];
    (
        prompt,
        12..60usize,
        samplings(),
        stops(),
        1..12usize,
        readers,
    )
        .prop_map(
            |(prompt, tokens, sampling, stop, buffer, slow_reader)| Asked {
                prompt,
                tokens,
                sampling,
                stop,
                buffer,
                slow_reader,
            },
        )
}

/// All answers, asked for at once.
fn answers(spec: Spec, asked: &[Asked]) -> (Vec<Completion>, Stats) {
    let lab = Lab::new(fickle(), spec);
    lab.control.hold();
    let streams = asked.iter().map(|asked| {
        let request = greedy(&asked.prompt, asked.tokens)
            .sampling(asked.sampling.clone())
            .stop(asked.stop.clone())
            .buffer(asked.buffer)
            .slow_reader(asked.slow_reader);
        lab.generate(request)
    });
    let streams: Vec<_> = streams.collect();
    lab.control.open();
    let completions = scope(|scope| {
        let readers: Vec<_> = streams
            .into_iter()
            .map(|stream| scope.spawn(|| stream.blocking().completion().unwrap()))
            .collect();
        readers
            .into_iter()
            .map(|reader| reader.join().unwrap())
            .collect()
    });
    (completions, lab.settle(asked.len() as u64))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn with_and_without_the_answers_are_the_same(
        asked in prop::collection::vec(asked(), 1..7),
        block_size in 1..6usize,
        blocks in 100..400usize,
        max_rows in 1..5usize,
        more in 0..30usize,
        shares_blocks in any::<bool>(),
    ) {
        let shape = |step_overhead| Spec {
            vocabulary: VOCABULARY,
            context_length: 256,
            block_size,
            blocks: blocks.div_ceil(block_size),
            max_rows,
            max_tokens: max_rows + more,
            step_overhead,
            shares_blocks,
        };
        let (expected, without) = answers(shape(0), &asked);
        prop_assert_eq!(without.drafted_tokens, 0);
        for overhead in [3, 1000] {
            let (found, _) = answers(shape(overhead), &asked);
            for (found, expected) in found.iter().zip(&expected) {
                prop_assert_eq!(&found.ids, &expected.ids);
                prop_assert_eq!(&found.text, &expected.text);
                prop_assert_eq!(&found.reason, &expected.reason);
                prop_assert_eq!(found.usage, expected.usage);
            }
        }
    }
}

/// Too few blocks for all, and drafts that are right and wrong.
#[test]
fn preempted_answers_are_the_same_too() {
    let tight = |step_overhead| Spec {
        blocks: 31,
        max_tokens: 24,
        step_overhead,
        ..spec()
    };
    let every = |salt: u32| Asked {
        prompt: (0..3 + 2 * salt)
            .map(|i| 2 + (i * 7 + salt * 11) % 5)
            .collect(),
        tokens: 90,
        sampling: match salt % 2 {
            0 => Sampling::greedy(),
            _ => Sampling::builder()
                .temperature(0.7)
                .seed(salt.into())
                .build()
                .unwrap(),
        },
        stop: Stop::builder().ignore_eos().build().unwrap(),
        buffer: 32,
        slow_reader: SlowReader::Coalesce,
    };
    let asked: Vec<_> = (0..8).map(every).collect();
    let (expected, _) = answers(tight(0), &asked);
    let (found, stats) = answers(tight(1000), &asked);
    let ids = |completions: &[Completion]| -> Vec<_> {
        completions
            .iter()
            .map(|completion| completion.ids.clone())
            .collect()
    };
    assert_eq!(ids(&found), ids(&expected));
    assert!(stats.preemptions > 3, "{stats:?}");
    assert!(stats.accepted_tokens > 100, "{stats:?}");
    assert!(
        stats.drafted_tokens > stats.accepted_tokens + 100,
        "{stats:?}"
    );
}
