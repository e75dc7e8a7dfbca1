//! What the clients are to do: groups, times, threads.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

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
    /// Time between two ticks.
    pub sample_every: Duration,
    /// Threads that drive the clients, at least 1: each has its share of every group, and ticks of its own.
    pub threads: u32,
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

    /// When the next sample and tick is due, in nanoseconds since the epoch: at every sampling period and at both borders of
    /// the window. `after` is when the one before was due, or taken. `None` after the window.
    #[must_use]
    pub fn next_sample_ns(&self, after: Option<u64>) -> Option<u64> {
        let every = self.sample_every.as_nanos() as u64;
        let [start, end] = self.borders_ns();
        let period = (after.unwrap_or(0) / every + 1) * every;
        let is_due = |due: &u64| after.is_none_or(|after| *due > after) && *due <= end;
        [period, start, end].into_iter().filter(is_due).min()
    }

    /// The measured window, on the monotonic clock.
    pub(super) fn window_ns(&self) -> (u64, u64) {
        let [start, end] = self.borders_ns().map(|since| self.epoch_ns + since);
        (start, end)
    }
}
