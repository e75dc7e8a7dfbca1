//! Verdicts: whether a record meets its expectations, and whether it is valid.

mod baseline;
mod brackets;
mod calibration;
mod change;
mod comparison;
mod disputes;
mod expected;
mod gated;
mod inflation;
mod judge;
mod likeness;
mod lost;
mod pairs;
mod price;
mod records;
mod unserved;
mod validity;
mod window;

pub use self::{
    baseline::{BaselineChange, BaselineComparison, RepeatEvidence, is_same_setting, unfit},
    brackets::{BracketComparison, brackets},
    calibration::{Calibration, CalibrationSummary, NumberSummary},
    change::{Evidence, MetricChange},
    comparison::{COMPARISON_FORMAT, Disturbance, Origin, PairedComparison},
    disputes::dispute,
    expected::{Expected, expected, faults},
    gated::{Gated, gated},
    inflation::{MOST_OWN_SHARE, own_share},
    judge::{censored_by, judge, measured},
    lost::{MOST_LOST, lost},
    pairs::{
        ALPHA, CONFIRM_ALPHA, Cell, INVALID_REPEATS, Pair, PairEvidence, PairedChange, compare, suspects,
    },
    price::price,
    records::{ChangeKind, PointComparison, RecordChange, RecordComparison, RecordFigure},
    unserved::{MOST_SILENT, ran_dry, unserved},
    validity::{
        BUSY, Findings, LEAST_OTHER_REQUESTS_PER_SECOND, MOST_OTHER_REQUESTS, MOST_OTHERS, MOST_PAUSED,
        MOST_PUT_OFF, MOST_RUN_DELAY, MOST_STEAL, NOTABLE_OTHERS, NOTABLE_PRESSURE, NOTABLE_RUN_DELAY,
        NOTABLE_STEAL, SATURATED, WAITING, WORST_BUSY_PACING_ERROR_NS, WORST_PACING_ERROR_NS,
        clients_were_late, clients_were_put_off, clients_were_starved, clients_were_the_limit, examine,
        examine_shard, late_only,
    },
    window::{Judged, Window, needs_the_whole_window},
};
use self::{judge::judge_each, window::judge_in};
use crate::{
    profile::Profile,
    record::{ExpectationResult, Point},
};

/// The verdicts of all expectations at the point of this index: those of the profile, those that it implies
/// ([`Profile::implied`]), and that good clients were served ([`fn@unserved`],
/// [`ran_dry`]). `window` is that of the repeats, where
/// it is not the one that the profile is written for.
#[must_use]
pub fn verdicts(
    profile: &Profile,
    points: &[Point],
    index: usize,
    window: Option<Window>,
) -> Vec<ExpectationResult> {
    let mut verdicts = match window {
        None => judge(profile, points, index),
        Some(window) => judge_in(profile, points, index, window),
    };
    let mut unserved = unserved(profile, &points[index], &verdicts);
    if unserved.is_empty() {
        unserved = ran_dry(profile, &points[index], &verdicts);
    }
    verdicts.extend(judge_each(&profile.implied(&points[index].axes), profile, points, index));
    verdicts.extend(unserved);
    verdicts
}

/// A made-up repeat with these metrics and nothing else.
#[cfg(test)]
pub(crate) fn repeat(numbers: &[(&str, f64)]) -> crate::record::Repeat {
    let summary = numbers.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    crate::record::Repeat { seed: 1, window_ns: (0, 1), summary, ..crate::record::Repeat::default() }
}
