//! The histogram of all times that the clients measure: one range and one resolution, so that histograms can be added up.

use hdrhistogram::Histogram;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use crate::record::Buckets;

/// The longest time that is resolved: a day, in nanoseconds.
const LONGEST_NS: u64 = 24 * 3600 * 1_000_000_000;

/// Counts of a bucket lie below this, so that those of all buckets and of many histograms can be added up.
const MOST_OF_A_BUCKET: u64 = 1 << 40;

/// Counts values from 1 ns to a day; longer ones are counted as a day.
pub(super) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_NS, 3).expect("bounds that HdrHistogram accepts")
}

/// Writes the buckets that hold something (`#[serde(with = …)]`).
pub(super) fn serialize<S: Serializer>(histogram: &Histogram<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    Buckets::from(histogram).serialize(serializer)
}

/// Reads what [`serialize`] wrote: the same buckets, and so the same quantiles.
///
/// # Errors
/// When a value is longer than a day.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Histogram<u64>, D::Error> {
    of_buckets(&Buckets::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// The histogram that has these buckets.
///
/// # Errors
/// When a value is longer than a day, or a count is impossible.
pub(super) fn of_buckets(buckets: &Buckets) -> Result<Histogram<u64>, String> {
    let mut histogram = histogram();
    for &(value_ns, count) in &buckets.0 {
        if count > MOST_OF_A_BUCKET {
            return Err(format!("{value_ns} ns cannot have been counted {count} times"));
        }
        histogram.record_n(value_ns, count).map_err(|_| format!("{value_ns} ns is longer than a day"))?;
    }
    Ok(histogram)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Serialize, serde::Deserialize)]
    struct Kept(#[serde(with = "super")] Histogram<u64>);

    #[test]
    fn a_kept_histogram_has_the_same_buckets() {
        let mut all = histogram();
        for value_ns in [1, 999, 1000, 123_456_789, 5 * LONGEST_NS] {
            all.saturating_record(value_ns);
        }
        (0..100_000_u64).for_each(|index| all.record(1000 + index * 977).expect("in range"));
        let text = serde_json::to_string(&Kept(all.clone())).expect("JSON");
        let Kept(again) = serde_json::from_str(&text).expect("a histogram");
        assert_eq!(again, all);
        for q in [0.0, 0.01, 0.5, 0.99, 0.9999, 1.0] {
            assert_eq!(again.value_at_quantile(q), all.value_at_quantile(q), "{q}");
        }
        assert_eq!((again.max(), again.len()), (all.max(), all.len()));
        let refusal = serde_json::from_str::<Kept>("[[99999999999999999, 1]]").err().expect("too long");
        assert!(refusal.to_string().contains("is longer than a day"), "{refusal}");
        let refusal = serde_json::from_str::<Kept>("[[5, 9999999999999]]").err().expect("too many");
        assert!(refusal.to_string().contains("cannot have been counted"), "{refusal}");
    }
}
