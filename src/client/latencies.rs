//! Latencies of the answers between two samples.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::histogram::{histogram, optional};
use crate::metric::{Metric, Row};

/// Latencies of the answers that came in an interval, in nanoseconds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Latencies {
    /// From when requests were due.
    #[serde(with = "optional")]
    response: Option<Histogram<u64>>,
    /// From when they were sent, in an open loop; elsewhere the two are the same.
    #[serde(with = "optional")]
    service: Option<Histogram<u64>>,
}

impl Latencies {
    /// Adds an answer's.
    pub fn record(&mut self, response_ns: u64, service_ns: Option<u64>) {
        self.response.get_or_insert_with(histogram).saturating_record(response_ns);
        if let Some(service_ns) = service_ns {
            self.service.get_or_insert_with(histogram).saturating_record(service_ns);
        }
    }

    /// Adds those of another thread for the same interval.
    pub fn add(&mut self, other: Self) {
        for (mine, others) in [(&mut self.response, other.response), (&mut self.service, other.service)] {
            if let Some(more) = others {
                // All have the same bounds: nothing is refused.
                let _ = mine.get_or_insert_with(histogram).add(&more);
            }
        }
    }

    /// Says the quantiles that are sampled; nothing of an interval without answers.
    pub fn show(&self, row: &mut Row) {
        let kinds = [
            (&self.response, Metric::IntervalP50, Metric::IntervalP99),
            (&self.service, Metric::IntervalServiceP50, Metric::IntervalServiceP99),
        ];
        for (histogram, p50, p99) in kinds {
            if let Some(histogram) = histogram {
                row.set(p50, histogram.value_at_quantile(0.5) as f64);
                row.set(p99, histogram.value_at_quantile(0.99) as f64);
            }
        }
    }
}
