//! The clock of an open loop, of which a thread starts every request that is its own.

use crate::{
    client::share::Part,
    load::{Pace, Pacing},
    profile,
};

/// When a thread's requests of a group become due.
pub(super) struct OpenLoop {
    pace: Pace,
    /// Threads that share the clock.
    of: u32,
}

impl OpenLoop {
    /// `None` for a closed loop, and for a thread that drives no connection of the group.
    pub(super) fn new(spec: &profile::Group, part: Part, seed: u64) -> Option<Self> {
        let rate = spec.load.rate.clone().filter(|_| part.count > 0)?;
        let mut pace = Pace::new(rate, spec.load.arrivals, seed);
        pace.skip(part.index);
        Some(Self { pace, of: part.of })
    }

    /// When the next request becomes due, in nanoseconds, of a loop that started at `start_ns`.
    pub(super) const fn next_ns(&self, start_ns: u64) -> u64 {
        start_ns.saturating_add(self.pace.next_ns())
    }

    /// When the next request became due, if it did until `now_ns`; it counts as started.
    pub(super) fn take_due(&mut self, start_ns: u64, now_ns: u64) -> Option<u64> {
        match self.pace.decide(now_ns.checked_sub(start_ns)?) {
            Pacing::Due(due_ns) => {
                self.pace.skip(self.of - 1);
                Some(start_ns + due_ns)
            }
            Pacing::Wait(_) => None,
        }
    }
}
