//! How much later than they were due the load generator started the requests of open loops: its own delay, not the
//! server's.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::{
    client::histogram::{self, histogram},
    metric::{Metric, Row},
};

/// A request that is started so much later than it was due is counted as late, in nanoseconds.
const LATE_NS: u64 = 10_000_000;

/// How late requests were started.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::client) struct StartDelays {
    #[serde(with = "histogram")]
    all: Histogram<u64>,
    late: u64,
}

impl StartDelays {
    pub(super) fn new() -> Self {
        Self { all: histogram(), late: 0 }
    }

    /// A request was started so late, in nanoseconds.
    pub(super) fn record(&mut self, late_ns: u64) {
        self.all.saturating_record(late_ns);
        self.late += u64::from(late_ns > LATE_NS);
    }

    /// Adds those of another thread.
    pub(in crate::client) fn add(&mut self, other: &Self) {
        self.all.add(&other.all).expect("histograms with the same bounds");
        self.late += other.late;
    }

    /// Says what they were, if there was an open loop.
    pub(in crate::client) fn summarize(&self, row: &mut Row) {
        if !self.all.is_empty() {
            row.set(Metric::PacingErrorP99, self.all.value_at_quantile(0.99) as f64);
            row.set(Metric::StartedLate, self.late as f64);
        }
    }
}
