//! What the clients are to do: groups, times, threads.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use super::connect_limit::AcceptQueue;
use crate::profile;

/// What the clients do, when and to whom.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where the server listens.
    pub address: SocketAddr,
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
    /// Set once the server was looked at when the window ended: until then, for up to [`Plan::SAMPLE_PATIENCE`], the clients
    /// leave their connections as they are.
    pub sampled: Arc<AtomicBool>,
}

impl Plan {
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
