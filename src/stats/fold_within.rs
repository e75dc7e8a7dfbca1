//! Folds within a part of the measured window.

use super::fold::{Instants, growth, nearest};
use crate::metric::Fold;

/// One number from readings `(time in ns, value)` in order of time, of the part of the window that `part` names by its
/// borders: start and end are the readings at these borders, the peak is the largest from one to the other. `None` where
/// a reading is missing, and for what is not sampled.
#[must_use]
pub fn fold_within(fold: Fold, readings: &[(i64, f64)], part: Instants) -> Option<f64> {
    let at = |time: i64| nearest(readings, time, part.left.unwrap_or(i64::MAX), part);
    let (start, end) = (at(part.from)?, at(part.to)?);
    let within = readings.iter().filter(|(at, _)| (start.0..=end.0).contains(at));
    let peak = within.map(|(_, value)| *value).reduce(f64::max);
    match fold {
        Fold::Start => Some(start.1),
        Fold::Last | Fold::End => Some(end.1),
        Fold::Peak => peak,
        Fold::Growth => Some(peak? - start.1),
        Fold::Residue => Some(end.1 - start.1),
        Fold::Total | Fold::Whole => growth(readings, part).map(|growth| growth.value),
        Fold::Rate => growth(readings, part).map(|growth| growth.rate()),
        Fold::Final => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;
    const PART: Instants = Instants { from: 2 * SECOND, to: 4 * SECOND, left: Some(9 * SECOND) };

    /// A second apart, from 0 on.
    fn folded(fold: Fold, values: &[f64]) -> Option<f64> {
        let readings: Vec<_> = values.iter().enumerate().map(|(s, v)| (s as i64 * SECOND, *v)).collect();
        fold_within(fold, &readings, PART)
    }

    #[test]
    fn a_part_of_the_window_has_its_own_borders_and_peak() {
        let values = [90.0, 90.0, 10.0, 50.0, 30.0, 90.0];
        for (fold, wanted) in [
            (Fold::Start, 10.0),
            (Fold::Last, 30.0),
            (Fold::End, 30.0),
            (Fold::Peak, 50.0),
            (Fold::Growth, 40.0),
            (Fold::Residue, 20.0),
            (Fold::Total, 20.0),
            (Fold::Whole, 20.0),
            (Fold::Rate, 10.0),
        ] {
            assert_eq!(folded(fold, &values), Some(wanted), "{fold:?}");
        }
        assert_eq!(folded(Fold::Final, &values), None);
    }

    #[test]
    fn a_missing_reading_at_a_border_is_not_replaced() {
        assert_eq!(folded(Fold::Peak, &[1.0, 2.0, 3.0, 4.0]), None);
        let early = [(SECOND, 1.0), (4 * SECOND, 2.0)];
        assert_eq!(fold_within(Fold::Start, &early, PART), None);
    }
}
