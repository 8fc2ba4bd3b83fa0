//! The scheduler under random loads, against a KV cache that remembers who wrote what.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use proptest::prelude::*;

use super::*;

/// What a sequence still wants, and what its reader does.
#[derive(Debug)]
struct Client {
    tokens: usize,
    left: usize,
    reading: bool,
}

/// A scheduler with its clients and a cache: for each slot, whose token of which position.
struct World {
    spec: Spec,
    scheduler: Scheduler,
    clients: BTreeMap<SequenceId, Client>,
    cache: Vec<Option<(SequenceId, usize)>>,
    next: u64,
    /// Positions that are to be computed and tokens to be made, if nothing is preempted.
    wanted: usize,
}

impl World {
    fn new(spec: Spec) -> Self {
        Self {
            scheduler: Scheduler::new(&spec),
            clients: BTreeMap::new(),
            cache: vec![None; spec.kv_tokens()],
            next: 0,
            wanted: 0,
            spec,
        }
    }

    /// A prompt and an answer that together fit into the cache.
    fn add(&mut self, prompt: usize, answer: usize) -> SequenceId {
        let tokens = 1 + prompt % self.spec.kv_tokens();
        let left = 1 + answer % (self.spec.kv_tokens() + 1 - tokens);
        let id = SequenceId(self.next);
        self.next += 1;
        self.wanted += tokens + left;
        self.scheduler.add(id, tokens);
        let client = Client {
            tokens,
            left,
            reading: true,
        };
        self.clients.insert(id, client);
        id
    }

    fn pick(&self, at: usize) -> Option<SequenceId> {
        let n = self.clients.len().max(1);
        self.clients.keys().nth(at % n).copied()
    }

    fn abort(&mut self, at: usize) {
        if let Some(id) = self.pick(at) {
            self.clients.remove(&id);
            self.scheduler.remove(id);
        }
    }

    fn set_reading(&mut self, at: usize, reading: bool) {
        if let Some(id) = self.pick(at) {
            self.clients.get_mut(&id).unwrap().reading = reading;
        }
    }

    /// Plans a step, checks it, does it. Returns what was done.
    fn step(&mut self) -> Vec<Work> {
        for (&id, _) in self.clients.iter().filter(|(_, c)| c.reading) {
            self.scheduler.grant(id);
        }
        let plan = self.scheduler.plan();
        self.check_budget(plan.work());
        self.check_blocks();
        for work in plan.work() {
            self.compute(work);
        }
        plan.work().to_vec()
    }

    fn check_budget(&self, work: &[Work]) {
        let tokens: usize = work.iter().map(|w| w.positions.len()).sum();
        let rows: BTreeSet<_> = work.iter().map(|w| w.sequence).collect();
        assert_eq!(rows.len(), work.len(), "one row a sequence: {work:?}");
        assert!(rows.len() <= self.spec.max_rows, "{work:?}");
        assert!(tokens <= self.spec.max_tokens, "{work:?}");
    }

    fn check_blocks(&self) {
        let owned = self.clients.keys().map(|&id| self.scheduler.blocks(id));
        let all: Vec<_> = owned.flatten().collect();
        let different: BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len(), "a block has two owners");
        assert_eq!(
            self.scheduler.kv_blocks(),
            (all.len(), self.spec.blocks),
            "blocks in use are the sum over sequences"
        );
    }

    fn slot(&self, id: SequenceId, position: usize) -> usize {
        let block = self.scheduler.blocks(id)[position / self.spec.block_size];
        block as usize * self.spec.block_size + position % self.spec.block_size
    }

    /// Everything before the row is in the cache, and a token is sampled after the last one and
    /// no other.
    fn compute(&mut self, work: &Work) {
        let id = work.sequence;
        let client = &self.clients[&id];
        assert!(!work.positions.is_empty());
        assert!(work.positions.end <= client.tokens);
        assert_eq!(work.sample, work.positions.end == client.tokens, "{work:?}");
        for position in 0..work.positions.start {
            let found = self.cache[self.slot(id, position)];
            assert_eq!(found, Some((id, position)), "{work:?}");
        }
        for position in work.positions.clone() {
            let slot = self.slot(id, position);
            self.cache[slot] = Some((id, position));
        }
        self.scheduler.done(work);
        if work.sample {
            self.sample(id);
        }
    }

    fn sample(&mut self, id: SequenceId) {
        let client = self.clients.get_mut(&id).unwrap();
        client.tokens += 1;
        client.left -= 1;
        if client.left == 0 {
            self.clients.remove(&id);
            self.scheduler.remove(id);
        }
    }

    /// Everybody reads, and everybody comes to an end.
    fn finish(&mut self) {
        self.clients.values_mut().for_each(|c| c.reading = true);
        for _ in 0..self.bound() {
            if self.clients.is_empty() {
                break;
            }
            assert!(!self.step().is_empty(), "nobody moves: {:?}", self.clients);
        }
        assert!(self.clients.is_empty(), "starved: {:?}", self.clients);
        assert_eq!(self.scheduler.kv_blocks().0, 0);
        assert_eq!((self.scheduler.running(), self.scheduler.waiting()), (0, 0));
    }

    /// When all read, the oldest that runs computes a position in every step, and keeps what it
    /// has until one that is older runs again; that happens once for each at most.
    fn bound(&self) -> usize {
        self.wanted * (self.clients.len() + 1)
    }
}

#[derive(Debug, Clone)]
enum Event {
    Add { prompt: usize, answer: usize },
    Abort(usize),
    Pause(usize),
    Resume(usize),
    Step,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        3 => (0..60usize, 0..40usize).prop_map(|(prompt, answer)| Event::Add { prompt, answer }),
        1 => any::<usize>().prop_map(Event::Abort),
        2 => any::<usize>().prop_map(Event::Pause),
        2 => any::<usize>().prop_map(Event::Resume),
        8 => Just(Event::Step),
    ];
    prop::collection::vec(event, 0..120)
}

fn specs() -> impl Strategy<Value = Spec> {
    let sizes = (1..9usize, 1..20usize, 1..6usize, 0..20usize);
    sizes.prop_map(|(block_size, blocks, max_rows, more)| Spec {
        vocabulary: 2,
        context_length: block_size * blocks + 1,
        block_size,
        blocks,
        max_rows,
        max_tokens: max_rows + more,
        step_overhead: 0,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn steps_are_sound_and_everybody_finishes(spec in specs(), events in events()) {
        let mut world = World::new(spec);
        for event in events {
            match event {
                Event::Add { prompt, answer } => drop(world.add(prompt, answer)),
                Event::Abort(at) => world.abort(at),
                Event::Pause(at) => world.set_reading(at, false),
                Event::Resume(at) => world.set_reading(at, true),
                Event::Step => drop(world.step()),
            }
            world.check_blocks();
        }
        world.finish();
    }

    #[test]
    fn the_oldest_that_reads_moves_in_every_step(spec in specs(), lengths in prop::collection::vec((0..60usize, 0..40usize), 1..12)) {
        let mut world = World::new(spec);
        for (prompt, answer) in lengths {
            world.add(prompt, answer);
        }
        for _ in 0..world.bound() {
            let Some(oldest) = world.pick(0) else { break };
            let work = world.step();
            prop_assert!(work.iter().any(|w| w.sequence == oldest), "{:?}", work);
        }
        prop_assert!(world.clients.is_empty());
    }
}

fn spec(block_size: usize, blocks: usize, max_rows: usize, max_tokens: usize) -> Spec {
    Spec {
        vocabulary: 2,
        context_length: 1024,
        block_size,
        blocks,
        max_rows,
        max_tokens,
        step_overhead: 0,
    }
}

fn rows(work: &[Work]) -> Vec<(u64, Range<usize>, bool)> {
    let row = |w: &Work| (w.sequence.0, w.positions.clone(), w.sample);
    work.iter().map(row).collect()
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
    let mut world = World::new(spec(2, 6, 4, 64));
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
