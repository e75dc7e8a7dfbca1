//! Latencies of the answers between two samples.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::histogram::{histogram, of_buckets};
use crate::{
    metric::{Metric, Row},
    record::Buckets,
};

/// Latencies of the answers that came in an interval, in nanoseconds.
#[derive(Clone, Debug, Default)]
pub struct Latencies {
    /// From when requests were due.
    response: Option<Histogram<u64>>,
    /// From when they were sent, in an open loop; elsewhere the two are the same.
    service: Option<Histogram<u64>>,
}

/// The same by the buckets that hold something: a histogram takes 300 KiB, whatever is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptLatencies {
    response: Buckets,
    service: Buckets,
}

impl KeptLatencies {
    /// The histograms again.
    ///
    /// # Errors
    /// When a latency is longer than a day.
    pub fn restored(&self) -> Result<Latencies, String> {
        let of = |buckets: &Buckets| {
            let is_there = !buckets.0.is_empty();
            is_there.then(|| of_buckets(buckets)).transpose()
        };
        Ok(Latencies { response: of(&self.response)?, service: of(&self.service)? })
    }
}

impl Latencies {
    /// Those of a long run, in little memory.
    #[must_use]
    pub fn kept(&self) -> KeptLatencies {
        let of =
            |histogram: &Option<Histogram<u64>>| histogram.as_ref().map(Buckets::from).unwrap_or_default();
        KeptLatencies { response: of(&self.response), service: of(&self.service) }
    }

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
