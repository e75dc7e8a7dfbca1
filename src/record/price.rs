//! What bad peers cost a server: before they came, with them, and after they had left.

use serde::{Deserialize, Serialize};

/// What bad peers cost in one repeat whose profile has the phases `before` and `with`, and mostly `after`. Bad peers are the
/// groups that come in the phase `with`, whatever they do; good clients are the steady groups that are there all the time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Price {
    /// Bad peers that were to connect.
    pub peers: u64,
    /// The largest number of them that were connected at once.
    pub connected: u64,
    /// How long they were there, in nanoseconds.
    pub with_ns: u64,
    /// Resident memory of the server's processes, in bytes: at the end of `before`, the peak of `with`, at the end of
    /// `after`.
    pub user_memory: Phased,
    /// Kernel memory of the server's sockets, in bytes, at the same instants.
    pub kernel_memory: Phased,
    /// By how much the resident memory grew for each peer that was connected, in bytes.
    pub user_bytes_per_peer: Option<f64>,
    /// By how much the kernel memory grew for each peer that was connected, in bytes.
    pub kernel_bytes_per_peer: Option<f64>,
    /// CPU time of the server per second, in cores.
    pub server_cores: Phased,
    /// What each group of good clients got.
    pub good: Vec<GoodClients>,
    /// Bad peers whose connection the server ended.
    pub ended: u64,
    /// Of these, ended by RST.
    pub ended_by_reset: u64,
    /// Of these, ended by FIN.
    pub ended_by_fin: u64,
    /// Of these, the ones whose last answer was an error: HTTP's 408, for instance.
    pub ended_after_error: u64,
    /// Median time from connecting until the server ended a bad peer, in nanoseconds; of several groups, the longest.
    pub ended_after_ns: Option<u64>,
    /// Bad peers that the server still held when they left.
    pub held: u64,
    /// Time after the bad peers had left until at most a tenth of the memory that they had added was left, in nanoseconds, as
    /// far as samples tell; `None` if that did not happen in the run.
    pub memory_back_ns: Option<u64>,
    /// The same until the 99th percentile of an interval between two samples was no longer than the longest of `before`.
    pub latency_back_ns: Option<u64>,
}

/// A number in each phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Phased {
    /// Before the bad peers came.
    pub before: Option<f64>,
    /// While they were there.
    pub with: Option<f64>,
    /// After they had left.
    pub after: Option<f64>,
}

/// What a group of good clients got.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct GoodClients {
    /// Its name.
    pub group: String,
    /// Median response time, in nanoseconds.
    pub p50_ns: Phased,
    /// 99th percentile of the response time, in nanoseconds.
    pub p99_ns: Phased,
    /// Whether the 99th percentile of `with` is a lower bound, because requests without a valid answer lie there.
    pub is_lower_bound: bool,
    /// Answers per second.
    pub answers_per_second: Phased,
    /// Longest time in which the whole group got no answer, in nanoseconds.
    pub silence_ns: Phased,
}

impl Phased {
    /// By how much the number grew when the bad peers came; 0 if it did not.
    #[must_use]
    pub fn growth(&self) -> Option<f64> {
        Some((self.with? - self.before?).max(0.0))
    }
}

impl Price {
    /// User and kernel memory for each peer that was connected, in bytes; of what was measured.
    #[must_use]
    pub fn bytes_per_peer(&self) -> Option<f64> {
        [self.user_bytes_per_peer, self.kernel_bytes_per_peer].into_iter().flatten().reduce(|a, b| a + b)
    }

    /// The group of good clients that had the longest response times while the bad peers were there.
    #[must_use]
    pub fn worst(&self) -> Option<&GoodClients> {
        let p99 = |good: &GoodClients| good.p99_ns.with.unwrap_or(f64::INFINITY);
        self.good.iter().max_by(|a, b| p99(a).total_cmp(&p99(b)))
    }
}
