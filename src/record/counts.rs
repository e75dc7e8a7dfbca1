//! What became of connections and requests, as counts.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// How the connections of a group ended, as counts that add up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Connections that were tried.
    pub opened: u64,
    /// Ended by the client with FIN, as its behavior says, while the run lasted.
    pub closed_by_us: u64,
    /// Ended by the client with RST, or with bytes unread, which the kernel answers with RST.
    #[serde(default)]
    pub reset_by_us: u64,
    /// Left by the client without a word.
    #[serde(default)]
    pub vanished: u64,
    /// Ended by the peer with FIN.
    pub evicted_fin: u64,
    /// Ended by the peer with RST.
    pub evicted_rst: u64,
    /// Never came about: refused.
    pub refused: u64,
    /// Never came about in time.
    pub timed_out: u64,
    /// Open when the clients stopped.
    pub still_alive: u64,
}

impl Ledger {
    /// Adds what another one counted.
    pub fn add(&mut self, other: &Self) {
        self.opened += other.opened;
        self.closed_by_us += other.closed_by_us;
        self.reset_by_us += other.reset_by_us;
        self.vanished += other.vanished;
        self.evicted_fin += other.evicted_fin;
        self.evicted_rst += other.evicted_rst;
        self.refused += other.refused;
        self.timed_out += other.timed_out;
        self.still_alive += other.still_alive;
    }

    /// Whether every connection that was tried is accounted for exactly once.
    #[must_use]
    pub fn balances(&self) -> bool {
        let by_us = self.closed_by_us + self.reset_by_us + self.vanished;
        let by_peer = self.evicted_fin + self.evicted_rst;
        self.opened == by_us + by_peer + self.refused + self.timed_out + self.still_alive
    }
}

/// What became of the requests of a group, from start to end, warm-up included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requests {
    /// Became due and were started.
    pub started: u64,
    /// Were answered.
    pub answered: u64,
    /// Open when the clients stopped.
    pub unanswered: u64,
    /// Open on a connection when it ended.
    pub lost: u64,
    /// Became due and could not be started.
    pub skipped: u64,
    /// Age of the oldest open request when the clients stopped, in nanoseconds.
    pub oldest_unanswered_ns: u64,
}

impl Requests {
    /// Adds what another one counted.
    pub fn add(&mut self, other: &Self) {
        self.started += other.started;
        self.answered += other.answered;
        self.unanswered += other.unanswered;
        self.lost += other.lost;
        self.skipped += other.skipped;
        self.oldest_unanswered_ns = self.oldest_unanswered_ns.max(other.oldest_unanswered_ns);
    }
}

/// An `HdrHistogram` as `[value, count]` pairs, ascending; values are exact to three digits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Buckets(pub Vec<(u64, u64)>);

impl From<&Histogram<u64>> for Buckets {
    fn from(histogram: &Histogram<u64>) -> Self {
        let recorded = histogram.iter_recorded();
        Self(recorded.map(|v| (v.value_iterated_to(), v.count_at_value())).collect())
    }
}

impl Buckets {
    /// How many values there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }

    /// The value at or below which the share `q` (0 to 1) of all values lies; `None` without values.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<u64> {
        let rank = ((self.count() as f64 * q).ceil() as u64).max(1);
        let mut seen = 0;
        self.0.iter().find_map(|&(value, count)| {
            seen += count;
            (seen >= rank).then_some(value)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_that_misses_a_connection_does_not_balance() {
        let ledger = Ledger { opened: 3, evicted_rst: 1, still_alive: 2, ..Ledger::default() };
        assert!(ledger.balances());
        assert!(!Ledger { opened: 4, ..ledger }.balances());
    }

    #[test]
    fn buckets_keep_the_quantiles_of_the_histogram() {
        let mut histogram = Histogram::<u64>::new(3).expect("three digits");
        for value in 1..=10_000_u64 {
            histogram.record(value * 1000).expect("in range");
        }
        let buckets = Buckets::from(&histogram);
        assert_eq!(buckets.count(), 10_000);
        for q in [0.0, 0.5, 0.9, 0.99, 0.999, 1.0] {
            assert_eq!(buckets.quantile(q), Some(histogram.value_at_quantile(q)), "{q}");
        }
        assert_eq!(Buckets::default().quantile(0.5), None);
    }
}
