//! A scheduler with clients, and a KV cache that remembers what was written.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use stream_core::TokenId;

use crate::schedule::{Plan, Prefix, Scheduler, Work};
use crate::{SequenceId, Spec};

/// What a sequence has and wants, and what its reader does.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) tokens: Vec<TokenId>,
    pub(super) left: usize,
    pub(super) reading: bool,
    prefix: Prefix,
    /// Sequences with the same tokens and draw go on alike.
    draw: usize,
    /// Positions that it has in the cache.
    written: usize,
    /// Those of them that a choice without fault has read.
    proven: usize,
}

/// A sequence to be added.
#[derive(Debug, Clone, Default)]
pub(super) struct Newcomer {
    pub(super) prompt: Vec<TokenId>,
    pub(super) answer: usize,
    pub(super) draw: usize,
    pub(super) prefix: Prefix,
}

/// How a step goes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Outcome {
    Sound,
    /// It fails, and the cache with it.
    Fault,
    /// A row, counted from wherever, has no finite logit.
    NoFiniteLogit(usize),
    /// A row has a NaN among its logits.
    SomeNan(usize),
}

/// Every text that ever was, under a number: its parent is the text without its last token.
#[derive(Debug)]
struct Texts {
    numbers: HashMap<(usize, TokenId), usize>,
    parents: Vec<usize>,
}

impl Texts {
    const EMPTY: usize = 0;

    fn after(&mut self, text: usize, token: TokenId) -> usize {
        let new = self.parents.len();
        let number = *self.numbers.entry((text, token)).or_insert(new);
        if number == new {
            self.parents.push(text);
        }
        number
    }

    /// The number of each beginning of `tokens`, the empty one left out.
    fn of(&mut self, tokens: &[TokenId]) -> Vec<usize> {
        let mut text = Self::EMPTY;
        let mut next = |&token| {
            text = self.after(text, token);
            text
        };
        tokens.iter().map(&mut next).collect()
    }
}

/// What a slot of the cache holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    Lost,
    /// Written in a row that failed or was given up before anything was chosen: nobody may read
    /// it.
    Poison,
    /// Of the last token of this text.
    Text(usize),
}

pub(super) struct World {
    pub(super) spec: Spec,
    pub(super) scheduler: Scheduler,
    pub(super) clients: BTreeMap<SequenceId, Client>,
    texts: Texts,
    cache: Vec<Slot>,
    next: u64,
    /// How many tokens each row that decodes would draft, and how many of them would be right.
    pub(super) guess: (usize, usize),
    /// Positions that are to be computed and tokens to be made, if nothing is preempted.
    wanted: usize,
    /// Positions that were computed.
    pub(super) computed: usize,
}

impl World {
    pub(super) fn new(spec: Spec) -> Self {
        Self {
            scheduler: Scheduler::new(&spec),
            clients: BTreeMap::new(),
            texts: Texts {
                numbers: HashMap::new(),
                parents: vec![Texts::EMPTY],
            },
            cache: vec![Slot::Lost; spec.kv_tokens()],
            next: 0,
            guess: (0, 0),
            wanted: 0,
            computed: 0,
            spec,
        }
    }

    /// A prompt that nobody else has, of one token more, and an answer; cut so that they fit into
    /// the cache.
    pub(super) fn add(&mut self, prompt: usize, answer: usize) -> SequenceId {
        let own = 1000 + self.next as TokenId;
        self.join(Newcomer {
            prompt: vec![own; 1 + prompt % self.spec.kv_tokens()],
            answer,
            ..Newcomer::default()
        })
    }

    /// A newcomer, with its prompt and its answer cut so that they fit into the cache.
    pub(super) fn join(&mut self, newcomer: Newcomer) -> SequenceId {
        let Newcomer {
            mut prompt,
            answer,
            draw,
            prefix,
        } = newcomer;
        prompt.truncate(self.spec.kv_tokens());
        let left = 1 + answer % (self.spec.kv_tokens() + 1 - prompt.len());
        let id = SequenceId(self.next);
        self.next += 1;
        self.wanted += prompt.len() + left;
        self.scheduler.add(id, &prompt, prefix);
        let client = Client {
            tokens: prompt,
            left,
            reading: true,
            prefix,
            draw,
            written: 0,
            proven: 0,
        };
        self.clients.insert(id, client);
        id
    }

    pub(super) fn pick(&self, at: usize) -> Option<SequenceId> {
        let n = self.clients.len().max(1);
        self.clients.keys().nth(at % n).copied()
    }

    pub(super) fn abort(&mut self, at: usize) {
        if let Some(id) = self.pick(at) {
            self.give_up(id);
        }
    }

    pub(super) fn set_reading(&mut self, at: usize, reading: bool) {
        if let Some(id) = self.pick(at) {
            self.clients.get_mut(&id).unwrap().reading = reading;
        }
    }

    /// Plans a step, checks it, does it. Returns what was done.
    pub(super) fn step(&mut self) -> Vec<Work> {
        self.step_that(Outcome::Sound)
    }

    pub(super) fn step_that(&mut self, goes: Outcome) -> Vec<Work> {
        for (&id, _) in self.clients.iter().filter(|(_, c)| c.reading) {
            self.scheduler.grant(id);
        }
        let mut plan = self.scheduler.plan();
        self.draft(&mut plan);
        self.check_budget(plan.work());
        self.check_blocks();
        let rows = plan.work().len().max(1);
        for (row, work) in plan.work().iter().enumerate() {
            self.compute(work);
            match goes {
                Outcome::Fault => {}
                Outcome::NoFiniteLogit(bad) if bad % rows == row => self.give_up(work.sequence),
                Outcome::SomeNan(bad) if bad % rows == row => self.finish_row(work),
                _ => {
                    self.share(work);
                    self.finish_row(work);
                }
            }
        }
        if let Outcome::Fault = goes {
            plan.work().iter().for_each(|w| self.give_up(w.sequence));
            self.scheduler.preempt_all();
            self.cache.fill(Slot::Lost);
        }
        self.check_kept();
        plan.work().to_vec()
    }

    /// Nobody gives way to a draft.
    fn draft(&mut self, plan: &mut Plan) {
        let preemptions = self.scheduler.preemptions();
        for row in 0..plan.work().len() {
            let work = &plan.work()[row];
            if work.decodes() {
                let most = self.guess.0.min(self.clients[&work.sequence].left - 1);
                let kept = self.scheduler.draft(plan, row, most);
                assert_eq!(kept, plan.work()[row].draft);
                assert!(kept <= most);
            }
        }
        assert_eq!(self.scheduler.preemptions(), preemptions);
    }

    /// How much of a row's draft turns out right.
    fn accepted(&self, work: &Work) -> usize {
        self.guess.1.min(work.draft)
    }

    /// After a step nobody has more blocks than its tokens need.
    fn check_kept(&self) {
        for (&id, client) in &self.clients {
            let most = client.tokens.len().div_ceil(self.spec.block_size);
            assert!(
                self.scheduler.blocks(id).len() <= most,
                "a draft keeps blocks"
            );
        }
    }

    fn check_budget(&self, work: &[Work]) {
        let tokens: usize = work.iter().map(|w| w.positions.len() + w.draft).sum();
        let rows: BTreeSet<_> = work.iter().map(|w| w.sequence).collect();
        assert_eq!(rows.len(), work.len(), "one row a sequence: {work:?}");
        assert!(rows.len() <= self.spec.max_rows, "{work:?}");
        assert!(tokens <= self.spec.max_tokens, "{work:?}");
    }

    pub(super) fn check_blocks(&self) {
        let mut holders = vec![0; self.spec.blocks];
        let held = self.clients.keys().map(|&id| self.scheduler.blocks(id));
        held.flatten()
            .for_each(|&block| holders[block as usize] += 1);
        assert_eq!(self.scheduler.pool.holders(), holders);
        let used = holders.iter().filter(|&&holders| holders > 0).count();
        assert_eq!(
            self.scheduler.kv_blocks(),
            (used, self.spec.blocks),
            "blocks in use are those that somebody holds"
        );
        self.check_cached();
    }

    /// Each cached block holds whole the end of one text, no two of the same, and the block
    /// before it is cached too.
    fn check_cached(&self) {
        let cached: Vec<_> = self.scheduler.pool.cached_blocks().collect();
        let ends: BTreeSet<_> = cached.iter().map(|&block| self.end_of(block)).collect();
        assert_eq!(ends.len(), cached.len(), "two blocks with one meaning");
        for &end in &ends {
            let mut start = end;
            (0..self.spec.block_size).for_each(|_| start = self.texts.parents[start]);
            assert!(start == Texts::EMPTY || ends.contains(&start), "an orphan");
        }
    }

    /// The text that a cached block ends.
    fn end_of(&self, block: u32) -> usize {
        let first = block as usize * self.spec.block_size;
        let slots = &self.cache[first..first + self.spec.block_size];
        let texts = slots.iter().map(|slot| match slot {
            Slot::Text(text) => *text,
            other => panic!("{other:?} in a cached block"),
        });
        let texts: Vec<_> = texts.collect();
        let follows = |pair: &[usize]| self.texts.parents[pair[1]] == pair[0];
        assert!(texts.windows(2).all(follows), "a block with two meanings");
        texts[texts.len() - 1]
    }

    fn slot(&self, id: SequenceId, position: usize) -> usize {
        let block = self.scheduler.blocks(id)[position / self.spec.block_size];
        block as usize * self.spec.block_size + position % self.spec.block_size
    }

    /// Everything before the row is in the cache, and a token is sampled after the last one and
    /// no other.
    fn compute(&mut self, work: &Work) {
        let (id, positions) = (work.sequence, work.positions.clone());
        let client = self.clients.get_mut(&id).unwrap();
        assert!(!positions.is_empty());
        assert!(positions.end <= client.tokens.len());
        assert_eq!(
            work.sample,
            positions.end == client.tokens.len(),
            "{work:?}"
        );
        if client.written != positions.start {
            let whole = client.prefix == Prefix::Computed || !self.spec.shares_blocks;
            assert!(positions.start == 0 || !whole, "{work:?}");
            client.proven = positions.start;
        }
        client.written = positions.end;
        let texts = self.texts.of(&client.tokens);
        for (position, text) in texts.into_iter().take(positions.end).enumerate() {
            let (slot, text) = (self.slot(id, position), Slot::Text(text));
            if positions.contains(&position) {
                self.cache[slot] = text;
            }
            assert_eq!(self.cache[slot], text, "{work:?} at {position}");
        }
        for position in positions.end..positions.end + work.draft {
            let slot = self.slot(id, position);
            self.cache[slot] = Slot::Poison;
        }
        self.computed += positions.len();
        self.scheduler.done(work, self.accepted(work));
    }

    /// As the driver does after a choice without fault.
    fn share(&mut self, work: &Work) {
        if work.sample {
            let client = self.clients.get_mut(&work.sequence).unwrap();
            client.proven = work.positions.end;
            let computed = &client.tokens[..work.positions.end];
            self.scheduler.share(work.sequence, computed);
        }
    }

    fn finish_row(&mut self, work: &Work) {
        if !work.sample {
            return;
        }
        let (id, end, accepted) = (work.sequence, work.positions.end, self.accepted(work));
        (0..=accepted).for_each(|_| self.sample(id));
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        client.written += accepted;
        let texts = self.texts.of(&client.tokens);
        for (position, text) in (end..).zip(&texts[end..end + accepted]) {
            let slot = self.slot(id, position);
            self.cache[slot] = Slot::Text(*text);
        }
    }

    fn sample(&mut self, id: SequenceId) {
        let client = self.clients.get_mut(&id).unwrap();
        let text = self.texts.of(&client.tokens).pop().unwrap();
        client.tokens.push(((text + client.draw) % 3) as TokenId);
        client.left -= 1;
        if client.left == 0 {
            self.clients.remove(&id);
            self.scheduler.remove(id);
        }
    }

    /// A sequence ends early. Nobody may ever read what no choice of its own has read.
    fn give_up(&mut self, id: SequenceId) {
        let client = &self.clients[&id];
        if !self.scheduler.blocks(id).is_empty() {
            for position in client.proven..client.written {
                let slot = self.slot(id, position);
                self.cache[slot] = Slot::Poison;
            }
        }
        self.clients.remove(&id);
        self.scheduler.remove(id);
    }

    /// Everybody reads, and everybody comes to an end.
    pub(super) fn finish(&mut self) {
        self.clients.values_mut().for_each(|c| c.reading = true);
        for _ in 0..self.bound() {
            if self.clients.is_empty() {
                break;
            }
            assert!(!self.step().is_empty(), "nobody moves: {:?}", self.clients);
            self.check_blocks();
        }
        assert!(self.clients.is_empty(), "starved: {:?}", self.clients);
        assert_eq!(self.scheduler.kv_blocks().0, 0);
        assert_eq!((self.scheduler.running(), self.scheduler.waiting()), (0, 0));
    }

    /// When all read, the oldest that runs computes a position in every step, and keeps what it
    /// has until one that is older runs again; that happens once for each at most.
    pub(super) fn bound(&self) -> usize {
        self.wanted * (self.clients.len() + 1)
    }
}

/// Whose turn it was, at which positions, and whether a token was sampled.
pub(super) fn rows(work: &[Work]) -> Vec<(u64, std::ops::Range<usize>, bool)> {
    let row = |w: &Work| (w.sequence.0, w.positions.clone(), w.sample);
    work.iter().map(row).collect()
}

pub(super) fn spec(block_size: usize, blocks: usize, max_rows: usize, max_tokens: usize) -> Spec {
    Spec {
        vocabulary: 2,
        context_length: 1024,
        block_size,
        blocks,
        max_rows,
        max_tokens,
        step_overhead: 0,
        shares_blocks: true,
    }
}
