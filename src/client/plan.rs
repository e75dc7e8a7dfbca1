//! What the clients are to do: groups, times, threads.

use std::{
    fmt,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{connect_limit::AcceptQueue, share::Share};
use crate::{address::Address, profile};

/// What the clients do, when and to whom.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where the server listens.
    pub address: Address,
    /// Who drives it.
    pub groups: Vec<profile::Group>,
    /// Fixes everything random.
    pub seed: u64,
    /// When the first client connects, on the monotonic clock.
    pub epoch_ns: u64,
    /// Time before the measured window.
    pub warmup: Duration,
    /// The measured window.
    pub measure: Duration,
    /// The phases of the measured window, one after the other: from when until when, since the first client connects.
    pub phases: Vec<(Duration, Duration)>,
    /// Time between two ticks.
    pub sample_every: Duration,
    /// Threads that drive the clients, at least 1: each has its share of every group, and ticks of its own.
    pub threads: u32,
    /// The server's accept queue, if it can be seen: unless a profile asks for more, connections are opened only while it has
    /// room.
    pub accept_queue: Option<Arc<dyn AcceptQueue>>,
    /// Which part of the clients this process drives; `None`: all of them.
    pub shard: Option<Shard>,
    /// Set once the server was looked at when the window ended: until then, for up to [`Plan::SAMPLE_PATIENCE`], the clients
    /// leave their connections as they are.
    pub sampled: Arc<AtomicBool>,
}

/// One of several processes that drive the clients together, each with as many threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// Which one, from 0.
    pub index: u32,
    /// How many there are, at least 1.
    pub of: u32,
}

impl fmt::Display for Shard {
    /// As people count: `2/4`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index + 1, self.of)
    }
}

impl Plan {
    /// In a shard an open loop starts so long after the last of its first connections should be opened.
    pub const CONNECT_ALLOWANCE: Duration = Duration::from_millis(100);
    /// And so much later for each connection of its group.
    pub const CONNECT_ALLOWANCE_EACH: Duration = Duration::from_micros(50);

    /// How long the clients wait after the window for a look at the server.
    pub const SAMPLE_PATIENCE: Duration = Duration::from_secs(1);

    /// When the window begins and ends, in nanoseconds since the epoch.
    #[must_use]
    pub fn borders_ns(&self) -> [u64; 2] {
        [self.warmup, self.warmup + self.measure].map(|since| since.as_nanos() as u64)
    }

    /// When a phase begins or ends, in nanoseconds since the epoch.
    pub fn phase_borders_ns(&self) -> impl Iterator<Item = u64> {
        self.phases.iter().flat_map(|(from, to)| [*from, *to]).map(|since| since.as_nanos() as u64)
    }

    /// When the next sample and tick is due, in nanoseconds since the epoch: at every sampling period and at the borders of
    /// the window and of its phases. `after` is when the one before was due, or taken. `None` after the window.
    #[must_use]
    pub fn next_sample_ns(&self, after: Option<u64>) -> Option<u64> {
        let every = self.sample_every.as_nanos() as u64;
        let [start, end] = self.borders_ns();
        let period = (after.unwrap_or(0) / every + 1) * every;
        let is_due = |due: &u64| after.is_none_or(|after| *due > after) && *due <= end;
        [period, start, end].into_iter().chain(self.phase_borders_ns()).filter(is_due).min()
    }

    /// What a thread of this process drives: the threads of all shards are counted through.
    pub(super) fn share(&self, thread: u32) -> Share {
        let Shard { index, of } = self.shard.unwrap_or(Shard { index: 0, of: 1 });
        Share { index: index * self.threads + thread, of: of * self.threads }
    }

    /// How many connections of each group this process drives.
    pub(super) fn own_connections(&self) -> Vec<u32> {
        let mut before = 0;
        let of_group = |group: &profile::Group| {
            let (together, count) = (group.moves_in_parts(), group.connections());
            let part =
                |share: Share| if together { share.whole(before, count) } else { share.part(before, count) };
            let own = (0..self.threads).map(|thread| part(self.share(thread)).count).sum();
            before += u64::from(count);
            own
        };
        self.groups.iter().map(of_group).collect()
    }

    /// When a group's open loop starts in a shard, on the monotonic clock. A shard knows its own connections only, and all start
    /// the same requests: so it is no matter of when they have come about, but of the profile. That is when the last of the
    /// first connections should be opened, and some time for it to come about ([`Self::CONNECT_ALLOWANCE`]); where the
    /// group comes during the warm-up, no later than the window begins. Requests that find no connection wait.
    pub(super) fn loop_start_ns(&self, group: &profile::Group) -> u64 {
        let count = group.connections();
        let last = count.saturating_sub(1);
        let opened_ns = group.connect_rate.as_ref().and_then(|rate| rate.due_ns(last.into())).unwrap_or(0);
        let allowance = Self::CONNECT_ALLOWANCE + Self::CONNECT_ALLOWANCE_EACH * count;
        let from_ns = self.epoch_ns + group.start.0.as_nanos() as u64;
        let (window_ns, _) = self.window_ns();
        let start_ns = from_ns.saturating_add(opened_ns).saturating_add(allowance.as_nanos() as u64);
        if from_ns < window_ns { start_ns.min(window_ns) } else { start_ns }
    }

    /// The measured window, on the monotonic clock.
    pub(super) fn window_ns(&self) -> (u64, u64) {
        let [start, end] = self.borders_ns().map(|since| self.epoch_ns + since);
        (start, end)
    }

    /// What is measured, on the monotonic clock.
    pub(super) fn measured(&self) -> MeasuredTime {
        let at = |since: Duration| self.epoch_ns + since.as_nanos() as u64;
        let phases = self.phases.iter().map(|(from, to)| (at(*from), at(*to))).collect();
        let window = self.window_ns();
        MeasuredTime { window, end_ns: window.1, phases }
    }
}

/// The time that is measured, on the monotonic clock, in nanoseconds.
#[derive(Clone, Debug)]
pub(super) struct MeasuredTime {
    /// From when until when the window is, as long as the group stays.
    pub(super) window: (u64, u64),
    /// When the whole window ends.
    pub(super) end_ns: u64,
    /// The same of each of its phases.
    pub(super) phases: Vec<(u64, u64)>,
}

impl MeasuredTime {
    /// The same with a window that ends at that time at the latest, if one is given.
    pub(super) fn until(&self, end_ns: Option<u64>) -> Self {
        let (start, end) = self.window;
        Self { window: (start, end_ns.map_or(end, |end_ns| end_ns.min(end))), ..self.clone() }
    }
}
