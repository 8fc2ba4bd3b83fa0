//! What is computed once and used again.

use std::ops::Range;

use stream_core::TokenId;

use super::world::{Newcomer, Outcome, World, rows, spec};
use crate::schedule::{Prefix, PrefixUse};
use crate::{SequenceId, Spec};

/// Blocks of four tokens.
fn wide() -> Spec {
    spec(4, 64, 8, 256)
}

/// So many tokens that begin with `common`, and go on with `own`.
fn newcomer(common: usize, own: TokenId, tokens: usize, answer: usize) -> Newcomer {
    let token = |i| if i < common { 100 } else { own };
    Newcomer {
        prompt: (0..tokens).map(token).collect(),
        answer: answer - 1,
        ..Newcomer::default()
    }
}

/// A newcomer that runs alone to its end; at which position it began.
fn alone(world: &mut World, newcomer: Newcomer) -> usize {
    world.join(newcomer);
    let began = world.step()[0].positions.start;
    world.finish();
    began
}

fn hits(world: &World) -> (u64, u64) {
    let PrefixUse { queries, hits } = world.scheduler.prefix_use();
    (queries, hits)
}

fn positions(world: &mut World) -> Vec<(u64, Range<usize>)> {
    let work = world.step();
    rows(&work).into_iter().map(|row| (row.0, row.1)).collect()
}

#[test]
fn a_request_begins_where_an_earlier_one_parted_from_it() {
    for (common, tokens, begins) in [
        (0, 18, 0),
        (3, 18, 0),
        (4, 18, 4),
        (11, 18, 8),
        (18, 18, 16),
        (20, 20, 16),
        (20, 40, 20),
        (4, 5, 4),
        (4, 4, 0),
    ] {
        let mut world = World::new(wide());
        assert_eq!(alone(&mut world, newcomer(20, 1, 23, 1)), 0);
        let second = newcomer(common, 2, tokens, 3);
        assert_eq!(alone(&mut world, second), begins, "{common} of {tokens}");
        assert_eq!(hits(&world), (23 + tokens as u64, begins as u64));
    }
}

#[test]
fn an_answer_is_there_for_the_next_turn() {
    let mut world = World::new(wide());
    let first = world.join(newcomer(6, 0, 6, 11));
    while world.clients[&first].left > 1 {
        world.step();
    }
    let mut next = world.clients[&first].tokens.clone();
    world.finish();
    // The last of the 17 tokens was never computed.
    next.extend([7; 5]);
    let turn = Newcomer {
        prompt: next,
        ..Newcomer::default()
    };
    assert_eq!(alone(&mut world, turn), 16);
}

#[test]
fn choices_share_the_prompt_and_compute_it_once() {
    let mut world = World::new(wide());
    for draw in 0..4 {
        let choice = newcomer(11, 0, 11, 9);
        world.join(Newcomer { draw, ..choice });
    }
    assert_eq!(positions(&mut world), [(0, 0..11)]);
    let second = [(0, 11..12), (1, 8..11), (2, 8..11), (3, 8..11)];
    assert_eq!(positions(&mut world), second);
    // Two shared blocks, and one of its own for each.
    assert_eq!(world.scheduler.kv_blocks().0, 2 + 4);
    assert_eq!(hits(&world), (4 * 11, 3 * 8));
    assert_eq!(world.computed, 11 + 1 + 3 * 3);
    world.finish();
}

#[test]
fn those_that_make_the_same_tokens_come_to_hold_the_same_blocks() {
    let mut world = World::new(wide());
    world.join(newcomer(3, 0, 3, 20));
    world.join(newcomer(3, 0, 3, 20));
    for _ in 0..10 {
        world.step();
    }
    // Each has computed 12 tokens, three blocks.
    assert_eq!(world.scheduler.kv_blocks().0, 3);
    world.finish();
}

#[test]
fn a_prompt_that_is_read_in_chunks_is_waited_for() {
    let mut world = World::new(spec(4, 64, 4, 8));
    world.join(newcomer(20, 1, 22, 3));
    world.join(newcomer(20, 2, 30, 3));
    let expected = [
        vec![(0, 0..8)],
        vec![(0, 8..16)],
        vec![(0, 16..22)],
        vec![(0, 22..23), (1, 20..27)],
    ];
    for step in expected {
        assert_eq!(positions(&mut world), step);
    }
    world.finish();
}

#[test]
fn who_waits_for_a_prefix_does_not_hold_up_others_and_keeps_its_room() {
    let mut world = World::new(wide());
    world.join(newcomer(9, 0, 9, 3));
    world.join(newcomer(9, 0, 9, 3));
    world.join(newcomer(0, 5, 9, 3));
    assert_eq!(positions(&mut world), [(0, 0..9), (2, 0..9)]);
    world.finish();
    // Room for two and what they grow into, but not for three.
    for narrow in [spec(4, 8, 8, 64), spec(4, 64, 2, 64)] {
        let mut world = World::new(narrow);
        world.join(newcomer(9, 0, 9, 3));
        world.join(newcomer(0, 6, 9, 3));
        assert_eq!(positions(&mut world), [(0, 0..9), (1, 0..9)]);
        world.finish();
        world.join(newcomer(0, 7, 9, 3));
        world.join(newcomer(0, 7, 9, 3));
        world.join(newcomer(0, 8, 9, 3));
        assert_eq!(positions(&mut world), [(2, 0..9)]);
        world.finish();
    }
}

#[test]
fn nobody_waits_for_one_who_cannot_go_on() {
    let mut world = World::new(wide());
    world.join(newcomer(9, 0, 9, 3));
    // Its logits have a NaN among them: it goes on, but its blocks are not shared yet.
    world.step_that(Outcome::SomeNan(0));
    world.set_reading(0, false);
    world.join(newcomer(9, 0, 9, 3));
    assert_eq!(positions(&mut world), [(1, 0..9)]);
    world.finish();
}

#[test]
fn the_longest_unused_goes_first_and_of_a_prompt_its_end() {
    let mut world = World::new(spec(4, 12, 4, 64));
    let prompt = |own| newcomer(0, own, 17, 1);
    assert_eq!(alone(&mut world, prompt(1)), 0);
    assert_eq!(alone(&mut world, prompt(2)), 0);
    // Eight blocks are cached, four are free. Of the first prompt's four, one is evicted.
    assert_eq!(alone(&mut world, prompt(3)), 0);
    assert_eq!(alone(&mut world, prompt(1)), 12);
    // Meanwhile the second was the oldest, and has lost one for that.
    assert_eq!(alone(&mut world, prompt(3)), 16);
    assert_eq!(alone(&mut world, prompt(2)), 12);
}

#[test]
fn the_preempted_find_what_is_left_of_their_blocks() {
    let mut world = World::new(spec(2, 6, 4, 64));
    let (_, newer) = (world.add(3, 6), world.add(3, 6));
    while !world.scheduler.blocks(newer).is_empty() || world.scheduler.preemptions() == 0 {
        world.step();
    }
    assert_eq!(world.scheduler.waiting(), 1);
    let again = (0..99).find_map(|_| {
        let row = positions(&mut world).pop()?;
        (row.0 == newer.0).then_some(row.1)
    });
    // Of its three blocks one was given to the older one; it has seven tokens.
    assert_eq!(again, Some(2..7));
    world.finish();
    // Its own blocks are no hits.
    assert_eq!(hits(&world), (8, 0));
}

#[test]
fn a_sequence_that_was_given_up_leaves_only_what_a_choice_has_read() {
    let long = || newcomer(20, 0, 20, 9);
    let chunks = || World::new(spec(4, 64, 4, 8));
    // Cancelled while its prompt is read.
    let mut world = chunks();
    world.join(long());
    world.step();
    world.step();
    world.abort(0);
    assert_eq!(alone(&mut world, long()), 0);
    // Nothing can be chosen after its prompt.
    let mut world = chunks();
    world.join(long());
    world.step();
    world.step();
    world.step_that(Outcome::NoFiniteLogit(0));
    assert_eq!(alone(&mut world, long()), 0);
    // Cancelled in the middle of its answer.
    let mut world = chunks();
    world.join(long());
    (0..5).for_each(|_| drop(world.step()));
    world.abort(0);
    assert_eq!(alone(&mut world, long()), 16);
    // A step that fails takes the whole cache with it.
    world.join(newcomer(0, 3, 3, 3));
    world.step_that(Outcome::Fault);
    assert_eq!(alone(&mut world, long()), 0);
}

#[test]
fn some_compute_everything_and_leave_it_to_others() {
    let mut world = World::new(wide());
    let whole = || Newcomer {
        prefix: Prefix::Computed,
        ..newcomer(20, 1, 22, 2)
    };
    assert_eq!(alone(&mut world, whole()), 0);
    assert_eq!(alone(&mut world, whole()), 0);
    assert_eq!(hits(&world), (0, 0));
    assert_eq!(alone(&mut world, newcomer(20, 2, 22, 2)), 20);
    assert_eq!(hits(&world), (22, 20));
}

#[test]
fn without_shared_blocks_nothing_is_cached() {
    let mut world = World::new(Spec {
        shares_blocks: false,
        ..wide()
    });
    world.join(newcomer(20, 1, 22, 2));
    world.join(newcomer(20, 1, 22, 2));
    assert_eq!(positions(&mut world), [(0, 0..22), (1, 0..22)]);
    world.finish();
    assert_eq!(alone(&mut world, newcomer(20, 1, 22, 2)), 0);
    assert_eq!(hits(&world), (0, 0));
}

#[test]
fn blocks_that_the_paused_share_are_freed_when_all_of_them_give_way() {
    let mut world = World::new(spec(4, 8, 4, 64));
    world.join(newcomer(12, 1, 13, 9));
    world.join(newcomer(12, 2, 13, 9));
    world.step();
    world.step();
    world.set_reading(0, false);
    world.set_reading(1, false);
    assert_eq!(world.scheduler.kv_blocks().0, 3 + 2);
    let large = world.join(newcomer(0, 3, 30, 1));
    world.step();
    world.step();
    assert!(!world.clients.contains_key(&large), "it was let in");
    assert_eq!(world.scheduler.preemptions(), 2);
    world.finish();
    assert_eq!(world.pick(0), None::<SequenceId>);
}
