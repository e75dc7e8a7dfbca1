//! Folds: many readings become one number.

use crate::metric::Fold;

/// The instants that folds go by, in the samples' own time: nanoseconds since the first client started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instants {
    /// When the measured window began.
    pub from: i64,
    /// When it ended, with all clients still there.
    pub to: i64,
    /// When the clients began to close what was left; `None` if nothing was read after that.
    pub left: Option<i64>,
}

/// A counter's growth between two readings of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Growth {
    /// By how much it grew, in the counter's unit.
    pub value: f64,
    /// When it was first read, in nanoseconds.
    pub from: i64,
    /// When it was read again, in nanoseconds of the same clock.
    pub to: i64,
}

impl Growth {
    /// The growth per second between the two readings, in the counter's unit per second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.value / ((self.to - self.from) as f64 / 1e9)
    }
}

/// A reading counts as one at a border of the window when it is no farther from it, in nanoseconds, or no farther than this
/// part of the window.
const TOLERANCE_NS: i64 = 50_000_000;
const TOLERANCE_PART: i64 = 20;

/// One number from readings `(time in ns, value)` in order of time, as the fold says. `None` where the reading is missing
/// that it is about: no older or later one stands in for it.
#[must_use]
pub fn fold(fold: Fold, readings: &[(i64, f64)], instants: Instants) -> Option<f64> {
    let peak = readings.iter().map(|(_, value)| *value).reduce(f64::max);
    let start = readings.first().filter(|(at, _)| *at <= 0).map(|(_, value)| *value);
    let end = readings.last().filter(|(at, _)| instants.left.is_some_and(|left| *at >= left)).map(|r| r.1);
    match fold {
        Fold::Start => start,
        Fold::Peak => peak,
        Fold::Last => {
            let with_clients = |at: i64| at >= instants.to && instants.left.is_none_or(|left| at <= left);
            readings.iter().find(|(at, _)| with_clients(*at)).map(|(_, value)| *value)
        }
        Fold::End => end,
        Fold::Final => readings.last().map(|(_, value)| *value),
        Fold::Growth => Some(peak? - start?),
        // Of a server that died, as far as it was read.
        Fold::Whole if instants.left.is_none() => Some(readings.last()?.1 - start?),
        Fold::Residue | Fold::Whole => Some(end? - start?),
        Fold::Total => growth(readings, instants).map(|growth| growth.value),
        Fold::Rate => growth(readings, instants).map(|growth| growth.rate()),
    }
}

/// How much a counter grew between the readings at the window's borders. `None` where one of them was taken too far from its
/// border for the difference to be the window's.
#[must_use]
pub fn growth(readings: &[(i64, f64)], instants: Instants) -> Option<Growth> {
    let Instants { from, to, left } = instants;
    let start = nearest(readings, from, to, instants)?;
    let end = nearest(readings, to, left.unwrap_or(i64::MAX), instants)?;
    (end.0 > start.0).then_some(Growth { value: end.1 - start.1, from: start.0, to: end.0 })
}

/// The reading that is nearest to a border of the window and not taken after `latest`; `None` if it was taken too far from
/// it.
pub(super) fn nearest(
    readings: &[(i64, f64)],
    border: i64,
    latest: i64,
    window: Instants,
) -> Option<(i64, f64)> {
    let tolerance = TOLERANCE_NS.max((window.to - window.from) / TOLERANCE_PART);
    let there = readings.iter().filter(|(at, _)| *at <= latest && (at - border).abs() <= tolerance);
    there.min_by_key(|(at, _)| (at - border).abs()).copied()
}

/// What a counter stood at, on a straight line between the readings before and after; at the ends that of the first or last.
/// `None` without readings.
#[must_use]
pub fn interpolated(readings: &[(i64, f64)], at: i64) -> Option<f64> {
    let after = readings.partition_point(|(time, _)| *time <= at);
    let (Some(before), Some(next)) = (after.checked_sub(1).map(|index| readings[index]), readings.get(after))
    else {
        return readings.get(after).or(readings.last()).map(|(_, value)| *value);
    };
    let share = span(before.0, at) / span(before.0, next.0);
    Some(before.1 + share * (next.1 - before.1))
}

/// The time between two instants, which may lie any time apart in a file.
fn span(from: i64, to: i64) -> f64 {
    to.saturating_sub(from) as f64
}

/// How fast a counter grew between each two samples, per second, at the time of the later one.
#[must_use]
pub fn slopes(samples: &[(i64, f64)]) -> Vec<(i64, f64)> {
    samples
        .windows(2)
        .filter(|pair| pair[1].0 > pair[0].0)
        .map(|pair| (pair[1].0, (pair[1].1 - pair[0].1) / (span(pair[0].0, pair[1].0) / 1e9)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    /// A window of two seconds; the clients disconnect a tenth of a second after it.
    const WHEN: Instants = Instants { from: SECOND, to: 3 * SECOND, left: Some(31 * SECOND / 10) };

    fn folded(kind: Fold, readings: &[(i64, f64)]) -> Option<f64> {
        fold(kind, readings, WHEN)
    }

    #[test]
    fn a_gauge_folds_to_its_marks() {
        let hill = [(-SECOND, 10.0), (SECOND, 50.0), (3 * SECOND + 1, 30.0), (4 * SECOND, 12.0)];
        assert_eq!(folded(Fold::Start, &hill), Some(10.0));
        assert_eq!(folded(Fold::Peak, &hill), Some(50.0));
        assert_eq!(folded(Fold::Last, &hill), Some(30.0));
        assert_eq!(folded(Fold::End, &hill), Some(12.0));
        assert_eq!(folded(Fold::Growth, &hill), Some(40.0));
        assert_eq!(folded(Fold::Residue, &hill), Some(2.0));
        assert_eq!(folded(Fold::Peak, &[]), None);
    }

    #[test]
    fn a_missing_reading_is_not_replaced_by_another() {
        let (before, older) = ((-SECOND, 10.0), (29 * SECOND / 10, 50.0));
        let (last, straggler, end) = ((3 * SECOND, 30.0), (31 * SECOND / 10 + 1, 25.0), (4 * SECOND, 12.0));
        let whole = [before, older, last, end];
        assert_eq!(folded(Fold::Last, &whole), Some(30.0));
        assert_eq!(folded(Fold::Last, &[before, older, end]), None, "neither what was nor what is left");
        assert_eq!(folded(Fold::Last, &[before, older, straggler, end]), None, "the clients were gone");
        assert_eq!(folded(Fold::End, &[before, older, last]), None);
        assert_eq!(folded(Fold::Residue, &[before, older, last]), None);
        assert_eq!(folded(Fold::Whole, &[before, older, last]), None);
        for kind in [Fold::Start, Fold::Growth, Fold::Residue, Fold::Whole] {
            assert_eq!(folded(kind, &whole[1..]), None, "{kind:?}");
        }
        let died = Instants { left: None, ..WHEN };
        assert_eq!(fold(Fold::Whole, &[before, older], died), Some(40.0));
        assert_eq!(fold(Fold::End, &[before, older], died), None);
    }

    #[test]
    fn a_counter_grows_within_the_window_only() {
        let counter: Vec<_> = (0..=10).map(|s| (s * SECOND, (s * s) as f64)).collect();
        let when = Instants { from: 2 * SECOND, to: 4 * SECOND, left: Some(9 * SECOND) };
        assert_eq!(fold(Fold::Total, &counter, when), Some(12.0));
        assert_eq!(fold(Fold::Rate, &counter, when), Some(6.0));
        assert_eq!(fold(Fold::Whole, &counter, when), Some(100.0));
        assert_eq!(fold(Fold::Rate, &counter[..1], when), None, "one sample has no rate");
        let late = Instants { to: 10 * SECOND, left: None, ..when };
        assert_eq!(fold(Fold::Total, &counter[..8], late), None, "no sample near the end");
    }

    #[test]
    fn a_rate_is_per_time_between_the_readings() {
        // The second was read 40 ms late, and counted 40 ms more.
        let counter = [(SECOND, 0.0), (3 * SECOND + 40_000_000, 2040.0), (5 * SECOND, 9000.0)];
        let growth = growth(&counter, WHEN).expect("two readings");
        assert_eq!((growth.value, growth.from, growth.to), (2040.0, SECOND, 3_040_000_000));
        assert!((growth.rate() - 1000.0).abs() < 1e-9);
        // What was read after the clients had disconnected does not belong to the window, however near.
        let after = [(SECOND, 0.0), (29 * SECOND / 10, 1900.0), (3 * SECOND + 10_000_000, 2500.0)];
        let at_once = Instants { left: Some(3 * SECOND + 5_000_000), ..WHEN };
        assert_eq!(super::growth(&after, at_once).map(|growth| growth.value), Some(1900.0));
    }

    #[test]
    fn a_counter_is_interpolated_between_readings() {
        let counter = [(10, 0.0), (20, 100.0), (40, 200.0)];
        let values = [5, 10, 15, 20, 30, 40, 99].map(|at| interpolated(&counter, at));
        assert_eq!(values, [0.0, 0.0, 50.0, 100.0, 150.0, 200.0, 200.0].map(Some));
        assert_eq!(interpolated(&[], 1), None);
    }

    #[test]
    fn slopes_are_per_second() {
        assert_eq!(slopes(&[(0, 0.0), (SECOND / 2, 5.0), (SECOND / 2, 7.0)]), [(SECOND / 2, 10.0)]);
    }
}
