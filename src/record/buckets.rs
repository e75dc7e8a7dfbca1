//! Histograms of latencies.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// An `HdrHistogram` as `[value, count]` pairs, ascending; values are exact to three digits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Buckets(pub Vec<(u64, u64)>);

impl From<&Histogram<u64>> for Buckets {
    fn from(histogram: &Histogram<u64>) -> Self {
        let recorded = histogram.iter_recorded();
        Self(recorded.map(|v| (v.value_iterated_to(), v.count_at_value())).collect())
    }
}

impl Buckets {
    /// The number of values, saturating, because a file may contain any counts.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.iter().fold(0, |all, (_, count)| all.saturating_add(*count))
    }

    /// The value at or below which the share `q` (0 to 1) of all values lies; `None` without values.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<u64> {
        let rank = ((self.count() as f64 * q).ceil() as u64).max(1);
        let mut seen: u64 = 0;
        self.0.iter().find_map(|&(value, count)| {
            seen = seen.saturating_add(count);
            (seen >= rank).then_some(value)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_preserve_the_quantiles_of_the_histogram() {
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
