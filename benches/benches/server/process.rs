//! What a process and its descendants cost, as the system tells it.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use crate::Result;

/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// A process with those that it started.
pub(crate) struct Family {
    eldest: Pid,
    system: System,
}

/// What it has used until now, or between two looks.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost {
    pub(crate) processor_seconds: f64,
    /// Resident bytes; what processes share counts for each of them.
    pub(crate) memory: u64,
}

impl Family {
    pub(crate) fn of(process: u32) -> Result<Self> {
        Ok(Self {
            eldest: Pid::from_u32(process),
            system: System::new()?,
        })
    }

    /// Processor time since the processes began, and memory now.
    pub(crate) fn look(&mut self) -> Cost {
        let kind = ProcessRefreshKind::nothing().with_cpu().with_memory();
        self.system
            .refresh_processes_specifics(ProcessesToUpdate::All, true, kind.without_tasks());
        let members = self.members();
        let members = members.iter().filter_map(|&id| self.system.process(id));
        members.fold(Cost::default(), |sum, process| Cost {
            processor_seconds: sum.processor_seconds
                + Duration::from_millis(process.accumulated_cpu_time()).as_secs_f64(),
            memory: sum.memory + process.memory(),
        })
    }

    /// The seconds that some work takes, the processor time that it costs, and the most memory.
    pub(crate) fn during(&mut self, work: impl FnOnce() -> Result<()>) -> Result<(f64, Cost)> {
        let before = self.look();
        let done = AtomicBool::new(false);
        let start = Instant::now();
        let (worked, seconds, most) = scope(|threads| {
            let watch = threads.spawn(|| self.watch(&done));
            let worked = work();
            let seconds = start.elapsed().as_secs_f64();
            done.store(true, Ordering::Relaxed);
            (worked, seconds, watch.join().unwrap_or_default())
        });
        worked?;
        let cost = Cost {
            processor_seconds: self.look().processor_seconds - before.processor_seconds,
            memory: most,
        };
        Ok((seconds, cost))
    }

    /// The most memory until `done`.
    fn watch(&mut self, done: &AtomicBool) -> u64 {
        let mut most = 0;
        while !done.load(Ordering::Relaxed) {
            most = most.max(self.look().memory);
            sleep(LOOK);
        }
        most
    }

    fn members(&self) -> HashSet<Pid> {
        let mut members = HashSet::from([self.eldest]);
        loop {
            let known = members.len();
            for (&id, process) in self.system.processes() {
                if process.parent().is_some_and(|id| members.contains(&id)) {
                    members.insert(id);
                }
            }
            if members.len() == known {
                return members;
            }
        }
    }
}
