//! How much later than it should have the load generator did something: its own delay, not the server's.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::histogram::{self, histogram};
use crate::metric::{Metric, Row};

/// What is done so much later than it was due is counted as late, in nanoseconds.
const LATE_NS: u64 = 10_000_000;

/// The delays of a thread.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct OwnDelays {
    /// Of requests of open loops that were due while measuring.
    pub(super) requests: Delays,
    /// Of connections that the server had room for.
    pub(super) connects: Delays,
    /// Of pauses of clients that read or send slowly, which ended while measuring.
    pub(super) pauses: Delays,
    /// When the measured window begins, in nanoseconds.
    #[serde(skip)]
    window_start_ns: u64,
}

impl OwnDelays {
    /// None yet, of a thread whose window begins then.
    pub(super) fn new(window_start_ns: u64) -> Self {
        let [requests, connects, pauses] = [(); 3].map(|()| Delays::new());
        Self { requests, connects, pauses, window_start_ns }
    }

    /// A request of an open loop was due, and is started now. Those of the warm-up do not count: connections are still
    /// being opened.
    pub(super) fn request(&mut self, due_ns: u64, now_ns: u64) {
        if due_ns >= self.window_start_ns {
            self.requests.record(now_ns.saturating_sub(due_ns));
        }
    }

    /// A connection was due, and is opened now.
    pub(super) fn connect(&mut self, due_ns: u64, now_ns: u64) {
        self.connects.record(now_ns.saturating_sub(due_ns));
    }

    /// A pause should have ended, and does now.
    pub(super) fn pause(&mut self, due_ns: u64, now_ns: u64) {
        if due_ns >= self.window_start_ns {
            self.pauses.record(now_ns.saturating_sub(due_ns));
        }
    }

    /// Adds those of another thread.
    pub(super) fn add(&mut self, other: &Self) {
        self.requests.add(&other.requests);
        self.connects.add(&other.connects);
        self.pauses.add(&other.pauses);
    }

    /// Says what they were, as far as there was something to do.
    pub(super) fn summarize(&self, row: &mut Row) {
        self.requests.summarize(Metric::PacingErrorP99, Metric::StartedLate, row);
        self.connects.summarize(Metric::ConnectDelayP99, Metric::ConnectedLate, row);
        self.pauses.summarize(Metric::PauseDelayP99, Metric::PausesLate, row);
    }
}

/// How late something was done.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Delays {
    #[serde(with = "histogram")]
    all: Histogram<u64>,
    late: u64,
}

impl Delays {
    fn new() -> Self {
        Self { all: histogram(), late: 0 }
    }

    fn record(&mut self, late_ns: u64) {
        self.all.saturating_record(late_ns);
        self.late += u64::from(late_ns > LATE_NS);
    }

    fn add(&mut self, other: &Self) {
        self.all.add(&other.all).expect("histograms with the same bounds");
        self.late += other.late;
    }

    fn summarize(&self, p99: Metric, late: Metric, row: &mut Row) {
        if !self.all.is_empty() {
            row.set(p99, self.all.value_at_quantile(0.99) as f64);
            row.set(late, self.late as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn delays_of_threads_are_put_together_and_the_warm_up_is_left_out() {
        let mut all = OwnDelays::new(100 * MS);
        let mut other = OwnDelays::new(100 * MS);
        all.request(99 * MS, 900 * MS);
        all.pause(99 * MS, 900 * MS);
        all.connect(0, 30 * MS);
        other.connect(50 * MS, 40 * MS);
        other.pause(200 * MS, 202 * MS);
        all.add(&other);
        let mut row = Row::default();
        all.summarize(&mut row);
        let late = [Metric::StartedLate, Metric::ConnectedLate, Metric::PausesLate].map(|m| row.value(m));
        assert_eq!(late, [None, Some(1.0), Some(0.0)], "there was no open loop in the window");
        let about =
            |metric, ms: u64| (row.value(metric).unwrap_or(0.0) / (ms * MS) as f64 - 1.0).abs() < 0.01;
        assert!(about(Metric::ConnectDelayP99, 30) && about(Metric::PauseDelayP99, 2), "{row:?}");
    }
}
