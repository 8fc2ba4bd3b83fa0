//! What the threads of this process have cost, as Linux tells it in `/proc/self/task`.

use std::collections::BTreeMap;
use std::fs::{read_dir, read_to_string};
use std::path::Path;

/// The processor time and the waits of threads of one name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Time on a processor, in nanoseconds.
    pub nanoseconds: u64,
    /// How often a thread went to sleep.
    pub sleeps: u64,
}

impl Cost {
    fn add(&mut self, other: Self) {
        self.nanoseconds += other.nanoseconds;
        self.sleeps += other.sleeps;
    }
}

/// The costs of all threads that live now, by their names; empty where the system does not tell.
#[derive(Debug, Clone, Default)]
pub struct Costs {
    threads: BTreeMap<String, Cost>,
}

impl Costs {
    /// Until now.
    pub fn now() -> Self {
        let mut this = Self::default();
        let tasks = read_dir("/proc/self/task").into_iter().flatten().flatten();
        for (name, cost) in tasks.filter_map(|task| cost(&task.path())) {
            this.threads.entry(name).or_default().add(cost);
        }
        this
    }

    /// Adds what was spent from `before` until `after`.
    pub fn add_between(&mut self, before: &Self, after: &Self) {
        for (name, cost) in &after.threads {
            let old = before.threads.get(name).copied().unwrap_or_default();
            let entry = self.threads.entry(name.clone()).or_default();
            entry.nanoseconds += cost.nanoseconds.saturating_sub(old.nanoseconds);
            entry.sleeps += cost.sleeps.saturating_sub(old.sleeps);
        }
    }

    /// Of all threads together.
    pub fn total(&self) -> Cost {
        let mut total = Cost::default();
        self.threads.values().for_each(|&cost| total.add(cost));
        total
    }

    /// Of the threads of a name, cut to 15 bytes as Linux does.
    pub fn of(&self, name: &str) -> Cost {
        let name = name.get(..15).unwrap_or(name);
        self.threads.get(name).copied().unwrap_or_default()
    }
}

fn cost(task: &Path) -> Option<(String, Cost)> {
    let name = read_to_string(task.join("comm")).ok()?;
    let schedule = read_to_string(task.join("schedstat")).ok()?;
    let status = read_to_string(task.join("status")).ok()?;
    let sleeps = status
        .lines()
        .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
    let cost = Cost {
        nanoseconds: schedule.split_whitespace().next()?.parse().ok()?,
        sleeps: sleeps.trim().parse().ok()?,
    };
    Some((name.trim_end().to_owned(), cost))
}
