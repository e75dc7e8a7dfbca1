//! Many numbers made one.

mod multiple;
mod paired;

pub use self::{multiple::*, paired::*};
use crate::metric::Fold;

/// When the measured window began and ended, in the samples' own time.
pub type Window = (i64, i64);

/// A sample may be taken so much after the instant it was due.
const TOLERANCE_NS: i64 = 50_000_000;

/// One number from samples `(time in ns, value)` in order of time, as the fold says; `None` when too few were taken
/// for it. A counter's growth over the window is read between the samples next to its borders, and its rate is over the
/// time between those samples.
#[must_use]
pub fn fold(fold: Fold, samples: &[(i64, f64)], window: Window) -> Option<f64> {
    let first = samples.first()?.1;
    let last = samples.last()?.1;
    let peak = samples.iter().map(|(_, value)| *value).fold(f64::NEG_INFINITY, f64::max);
    match fold {
        Fold::Start => Some(first),
        Fold::Peak => Some(peak),
        Fold::Last => {
            samples.iter().rev().find(|(at, _)| *at <= window.1 + TOLERANCE_NS).map(|(_, value)| *value)
        }
        Fold::End | Fold::Final => Some(last),
        Fold::Growth => Some(peak - first),
        Fold::Residue | Fold::Whole => Some(last - first),
        Fold::Total => grown(samples, window).map(|(growth, _)| growth),
        Fold::Rate => grown(samples, window).map(|(growth, seconds)| growth / seconds),
    }
}

/// How much a counter grew between the samples nearest to the window's borders, and over how many seconds. `None` where
/// one of them is too far from its border for the difference to be the window's.
fn grown(samples: &[(i64, f64)], (from, to): Window) -> Option<(f64, f64)> {
    let tolerance = TOLERANCE_NS.max((to - from) / 20);
    let nearest = |time: i64| {
        let sample = samples.iter().min_by_key(|(at, _)| (at - time).abs())?;
        ((sample.0 - time).abs() <= tolerance).then_some(sample)
    };
    let (start, end) = (nearest(from)?, nearest(to)?);
    let seconds = (end.0 - start.0) as f64 / 1e9;
    (seconds > 0.0).then_some((end.1 - start.1, seconds))
}

/// How fast a counter grew between each two samples, per second, at the time of the later one.
#[must_use]
pub fn slopes(samples: &[(i64, f64)]) -> Vec<(i64, f64)> {
    samples
        .windows(2)
        .filter(|pair| pair[1].0 > pair[0].0)
        .map(|pair| (pair[1].0, (pair[1].1 - pair[0].1) / ((pair[1].0 - pair[0].0) as f64 / 1e9)))
        .collect()
}

/// The value at or below which the share `q` (0 to 1) of `values` lies (nearest rank); `None` without values.
#[must_use]
pub fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = ((sorted.len() as f64 * q).ceil() as usize).max(1);
    sorted.get(rank - 1).copied()
}

/// The middle value, or the mean of the two in the middle; `None` without values.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    Some(if sorted.len() % 2 == 1 { upper } else { f64::midpoint(sorted[middle - 1], upper) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    /// A gauge that rises and falls; as a counter it is nonsense, which the folds do not know.
    const HILL: [(i64, f64); 4] = [(-SECOND, 10.0), (SECOND, 50.0), (2 * SECOND, 30.0), (3 * SECOND, 12.0)];

    #[test]
    fn a_gauge_folds_to_its_marks() {
        let of = |kind| fold(kind, &HILL, (0, SECOND));
        assert_eq!(of(Fold::Start), Some(10.0));
        assert_eq!(of(Fold::Peak), Some(50.0));
        assert_eq!(of(Fold::Last), Some(50.0));
        assert_eq!(of(Fold::End), Some(12.0));
        assert_eq!(of(Fold::Growth), Some(40.0));
        assert_eq!(of(Fold::Residue), Some(2.0));
        assert_eq!(fold(Fold::Peak, &[], (0, 1)), None);
    }

    #[test]
    fn a_counter_grows_within_the_window_only() {
        let counter: Vec<_> = (0..=10).map(|s| (s * SECOND, (s * s) as f64)).collect();
        assert_eq!(fold(Fold::Total, &counter, (2 * SECOND, 4 * SECOND)), Some(12.0));
        assert_eq!(fold(Fold::Rate, &counter, (2 * SECOND, 4 * SECOND)), Some(6.0));
        assert_eq!(fold(Fold::Whole, &counter, (2 * SECOND, 4 * SECOND)), Some(100.0));
        assert_eq!(fold(Fold::Rate, &counter[..1], (0, SECOND)), None, "one sample has no rate");
        assert_eq!(
            fold(Fold::Total, &counter[..8], (2 * SECOND, 10 * SECOND)),
            None,
            "no sample near the end"
        );
    }

    #[test]
    fn slopes_are_per_second() {
        assert_eq!(slopes(&[(0, 0.0), (SECOND / 2, 5.0), (SECOND / 2, 7.0)]), [(SECOND / 2, 10.0)]);
    }

    #[test]
    fn a_quantile_is_one_of_the_values() {
        let values = [5.0, 1.0, 4.0, 2.0, 3.0];
        assert_eq!(quantile(&values, 0.5), Some(3.0));
        assert_eq!(quantile(&values, 0.99), Some(5.0));
        assert_eq!(quantile(&[], 0.5), None);
    }
}
