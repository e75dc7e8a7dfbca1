//! The histogram of all times that the clients measure: one range and one resolution, so that histograms can be added up.

use hdrhistogram::Histogram;

/// The longest time that is resolved: a day, in nanoseconds.
const LONGEST_NS: u64 = 24 * 3600 * 1_000_000_000;

/// Counts values from 1 ns to a day; longer ones are counted as a day.
pub(super) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_NS, 3).expect("bounds that HdrHistogram accepts")
}
