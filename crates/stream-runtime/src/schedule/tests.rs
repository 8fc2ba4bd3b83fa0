//! The scheduler under random loads, against a KV cache that remembers who wrote what.

mod prefix;
mod world;

use proptest::prelude::*;

use crate::Spec;
use crate::schedule::{Prefix, Work};
use world::{Newcomer, Outcome, World, rows, spec};

#[derive(Debug, Clone)]
enum Event {
    Add(Newcomer),
    Abort(usize),
    Pause(usize),
    Resume(usize),
    Guess(usize, usize),
    Step(Outcome),
}

/// Prompts that begin alike, each for a different number of tokens.
fn newcomers() -> impl Strategy<Value = Newcomer> {
    let prompt = (0..3u32, 0..3u32, 0..60usize, 1..61usize);
    let prompt = prompt.prop_map(|(head, tail, common, tokens)| {
        let token = |i| if i < common { head } else { 3 + tail };
        (0..tokens).map(token).collect()
    });
    let prefix = prop_oneof![5 => Just(Prefix::Reused), 1 => Just(Prefix::Computed)];
    let parts = (prompt, 0..40usize, 0..2usize, prefix);
    parts.prop_map(|(prompt, answer, draw, prefix)| Newcomer {
        prompt,
        answer,
        draw,
        prefix,
    })
}

fn outcomes() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        16 => Just(Outcome::Sound),
        1 => Just(Outcome::Fault),
        2 => any::<usize>().prop_map(Outcome::NoFiniteLogit),
        2 => any::<usize>().prop_map(Outcome::SomeNan),
    ]
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        4 => newcomers().prop_map(Event::Add),
        1 => any::<usize>().prop_map(Event::Abort),
        2 => any::<usize>().prop_map(Event::Pause),
        2 => any::<usize>().prop_map(Event::Resume),
        2 => (0..9usize, 0..9usize).prop_map(|(drafted, right)| Event::Guess(drafted, right)),
        9 => outcomes().prop_map(Event::Step),
    ];
    prop::collection::vec(event, 0..120)
}

fn specs() -> impl Strategy<Value = Spec> {
    let sizes = (1..9usize, 1..20usize, 1..6usize, 0..20usize, 0..4u8);
    sizes.prop_map(|(block_size, blocks, max_rows, more, shares)| Spec {
        context_length: block_size * blocks + 1,
        shares_blocks: shares > 0,
        ..spec(block_size, blocks, max_rows, max_rows + more)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn steps_are_sound_and_everybody_finishes(spec in specs(), events in events()) {
        let mut world = World::new(spec);
        for event in events {
            match event {
                Event::Add(newcomer) => drop(world.join(newcomer)),
                Event::Abort(at) => world.abort(at),
                Event::Pause(at) => world.set_reading(at, false),
                Event::Resume(at) => world.set_reading(at, true),
                Event::Guess(drafted, right) => world.guess = (drafted, right),
                Event::Step(outcome) => drop(world.step_that(outcome)),
            }
            world.check_blocks();
        }
        world.finish();
    }

    #[test]
    fn the_oldest_that_reads_moves_in_every_step(spec in specs(), newcomers in prop::collection::vec(newcomers(), 1..12)) {
        let mut world = World::new(spec);
        for newcomer in newcomers {
            world.join(newcomer);
        }
        for _ in 0..world.bound() {
            let Some(oldest) = world.pick(0) else { break };
            let work = world.step();
            prop_assert!(work.iter().any(|w| w.sequence == oldest), "{:?}", work);
        }
        prop_assert!(world.clients.is_empty());
    }
}

#[test]
fn a_long_prompt_is_read_in_chunks_beside_those_that_decode() {
    let mut world = World::new(spec(4, 32, 4, 8));
    world.add(2, 9);
    assert_eq!(rows(&world.step()), [(0, 0..3, true)]);
    world.add(19, 1);
    let expected = [
        [(0, 3..4, true), (1, 0..7, false)],
        [(0, 4..5, true), (1, 7..14, false)],
        [(0, 5..6, true), (1, 14..20, true)],
    ];
    for step in expected {
        assert_eq!(rows(&world.step()), step);
    }
}

#[test]
fn nobody_overtakes_a_large_prompt_that_waits() {
    let mut world = World::new(spec(4, 8, 4, 64));
    world.add(19, 8);
    world.step();
    let (large, small) = (world.add(23, 4), world.add(0, 4));
    // The first makes eight more tokens; until it has gone, the large one does not fit.
    for _ in 0..8 {
        assert_eq!(rows(&world.step()).len(), 1);
        assert!(world.scheduler.blocks(small).is_empty());
    }
    assert_eq!(world.step().len(), 2);
    assert_eq!(world.scheduler.blocks(large).len(), 6);
    assert_eq!(world.scheduler.blocks(small).len(), 1);
}

#[test]
fn a_newcomer_leaves_a_block_to_each_that_runs() {
    let mut world = World::new(spec(4, 4, 4, 64));
    world.add(1, 6);
    world.step();
    world.add(11, 3);
    world.finish();
    assert_eq!(world.scheduler.preemptions(), 0);
}

#[test]
fn the_newest_gives_way_and_starts_again_from_0() {
    let mut world = World::new(Spec {
        shares_blocks: false,
        ..spec(2, 6, 4, 64)
    });
    world.add(3, 6);
    world.add(3, 6);
    assert_eq!(rows(&world.step()), [(0, 0..4, true), (1, 0..4, true)]);
    // Each has a block of its own for the next two tokens; then there is none left.
    assert_eq!(rows(&world.step()), [(0, 4..5, true), (1, 4..5, true)]);
    assert_eq!(rows(&world.step()), [(0, 5..6, true), (1, 5..6, true)]);
    assert_eq!(rows(&world.step()), [(0, 6..7, true)]);
    assert_eq!(world.scheduler.preemptions(), 1);
    assert_eq!(world.scheduler.waiting(), 1);
    world.step();
    world.step();
    world.step();
    assert_eq!(rows(&world.step()), [(1, 0..7, true)]);
}

#[test]
fn a_paused_sequence_is_preempted_before_a_newer_one() {
    let mut world = World::new(spec(2, 5, 4, 64));
    let (paused, older, newer) = (world.add(1, 8), world.add(1, 8), world.add(1, 8));
    world.step();
    world.set_reading(0, false);
    world.step();
    let blocks = |world: &World| [paused, older, newer].map(|id| world.scheduler.blocks(id).len());
    assert_eq!(blocks(&world), [1, 2, 2]);
    world.step();
    assert_eq!(blocks(&world), [1, 2, 2]);
    // Now the older one needs a third block.
    world.step();
    assert_eq!(blocks(&world), [0, 3, 2]);
    // The newer one finds none left: it sits out, and gives way when the older needs a fourth.
    world.step();
    assert_eq!(blocks(&world), [0, 3, 2]);
    world.step();
    assert_eq!(blocks(&world), [0, 4, 0]);
    world.finish();
}

#[test]
fn a_paused_sequence_keeps_its_blocks_while_nobody_needs_them() {
    let mut world = World::new(spec(4, 8, 1, 64));
    let paused = world.add(9, 9);
    world.step();
    world.set_reading(0, false);
    let blocks = world.scheduler.blocks(paused).to_vec();
    // It gives up its row all the same: the next one is admitted beside it.
    world.add(3, 3);
    assert_eq!(rows(&world.step()), [(1, 0..4, true)]);
    assert_eq!(world.scheduler.blocks(paused), blocks);
    world.finish();
    assert_eq!(world.scheduler.preemptions(), 0);
}

#[test]
fn drafts_take_what_the_step_has_left_and_keep_nothing() {
    let mut world = World::new(spec(4, 5, 4, 12));
    world.add(3, 12);
    world.step();
    world.guess = (9, 2);
    let drafted = |work: &[Work]| work.iter().map(|w| w.draft).collect::<Vec<_>>();
    assert_eq!(drafted(&world.step()), [9]);
    // A newcomer's prompt comes first: 8 of the step's 12 tokens are its own.
    let newcomer = world.add(7, 0);
    assert_eq!(drafted(&world.step()), [3, 0]);
    assert!(world.scheduler.blocks(newcomer).is_empty());
    // Of the last 6 tokens, one is chosen in any case.
    assert_eq!(drafted(&world.step()), [5]);
    world.finish();
    assert_eq!(world.scheduler.preemptions(), 0);
}

#[test]
fn a_draft_takes_free_blocks_alone() {
    let mut world = World::new(spec(4, 5, 4, 64));
    let (older, newer) = (world.add(3, 9), world.add(7, 1));
    world.step();
    world.set_reading(1, false);
    world.guess = (9, 0);
    // 5 tokens lie in two blocks; the other keeps two, and so one is left: room for 7 more.
    let work = world.step();
    assert_eq!(work[0].draft, 7);
    assert_eq!(world.scheduler.blocks(older).len(), 2);
    assert_eq!(world.scheduler.blocks(newer).len(), 2);
    world.finish();
}

#[test]
fn a_draft_that_is_not_tried_keeps_nothing() {
    let mut world = World::new(spec(4, 5, 4, 64));
    let id = world.add(3, 9);
    world.step();
    world.scheduler.grant(id);
    let mut plan = world.scheduler.plan();
    assert_eq!(world.scheduler.draft(&mut plan, 0, 7), 7);
    assert_eq!(world.scheduler.blocks(id).len(), 3);
    world.scheduler.forget_draft(&plan.work()[0]);
    assert_eq!(world.scheduler.blocks(id).len(), 2);
}

#[test]
fn a_block_that_was_given_back_is_used_again_first() {
    let mut world = World::new(Spec {
        shares_blocks: false,
        ..spec(4, 8, 4, 64)
    });
    let first = world.add(8, 9);
    world.step();
    assert_eq!(world.scheduler.blocks(first), [0, 1, 2]);
    let second = world.add(3, 9);
    world.step();
    world.abort(0);
    world.step();
    assert_eq!(world.scheduler.blocks(second), [3, 0]);
}
