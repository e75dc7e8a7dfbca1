//! The trend of one series: its slope with an interval, and what that comes to.

use crate::{
    record::{Growth, LateGrowth, Trend},
    stats::{Slope, block_medians, errors_of_99_percent, theil_sen},
};

/// Blocks of equal time that the series is cut into; each counts as one value.
pub(super) const BLOCKS: usize = 24;

/// With fewer blocks that have a value, it is not said that nothing grows.
const FEWEST_BLOCKS: usize = 20;

/// Of the slope of the whole time, the second half has at least this share if it still grows.
const STILL: f64 = 0.5;

pub(super) const NS_PER_HOUR: f64 = 3.6e12;

/// The most growth that may stay open where none is shown.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bound {
    /// So much per hour, in the metric's unit.
    PerHour(f64),
    /// This share of the first block over the whole time.
    Share(f64),
}

/// The growth of a series of nanoseconds and values between two instants. `least` below 1 is a share of its first block.
///
/// # Errors
/// Why there is none: too few values, or `None` without any.
pub(super) fn trend(
    name: &str,
    series: &[(i64, f64)],
    (from, to): (i64, i64),
    least: f64,
    bound: Bound,
) -> Result<Trend, Option<String>> {
    let hour = |at: i64| at as f64 / NS_PER_HOUR;
    let within = series.iter().filter(|(at, _)| (from..=to).contains(at));
    let points: Vec<(f64, f64)> = within.map(|(at, value)| (hour(*at), *value)).collect();
    let blocks = block_medians(&points, (hour(from), hour(to)), BLOCKS);
    let few = || {
        let count = blocks.len();
        format!(
            "only {count} of {BLOCKS} parts of the time have values: use a longer window, or a shorter --sample-every"
        )
    };
    let (Some(whole), Some(first), Some(end)) = (slope(&blocks), blocks.first(), blocks.last()) else {
        return Err((!series.is_empty()).then(few));
    };
    let hours = hour(to) - hour(from);
    let least = if least < 1.0 { least * first.1 } else { least };
    let most = match bound {
        Bound::PerHour(most) => most,
        Bound::Share(share) => share * first.1 / hours,
    };
    let middle = f64::midpoint(hour(from), hour(to));
    let late = slope(&blocks[blocks.partition_point(|(at, _)| *at < middle)..]);
    let finding = growth(&whole, late.as_ref(), least / hours, most, blocks.len());
    let is_short = blocks.len() < FEWEST_BLOCKS;
    Ok(Trend {
        name: name.to_owned(),
        finding,
        per_hour: whole.slope,
        low: whole.low,
        high: whole.high,
        late: late.map(|late| LateGrowth { per_hour: late.slope, low: late.low, high: late.high }),
        correlation: whole.correlation,
        ends: (first.1, end.1),
        least,
        reason: (finding == Growth::Unclear && is_short).then(few),
    })
}

/// The slope of blocks, with an interval of 99 %.
fn slope(blocks: &[(f64, f64)]) -> Option<Slope> {
    theil_sen(blocks, errors_of_99_percent(blocks.len()))
}

/// What a slope comes to, by that of its second half. `least` is the smallest that is called growth, and `most` the largest that
/// may stay open.
fn growth(whole: &Slope, late: Option<&Slope>, least: f64, most: f64, blocks: usize) -> Growth {
    let is_growth = |slope: &Slope| slope.low > 0.0 && slope.slope >= least;
    let is_sure = |slope: &Slope| blocks >= FEWEST_BLOCKS && slope.high <= most;
    let goes_on = late.is_none_or(|late| late.slope >= STILL * whole.slope);
    if is_growth(whole) && goes_on {
        return Growth::Grows;
    }
    if !is_growth(whole) && is_sure(whole) {
        return Growth::NotShown;
    }
    // Growth that bends or steps has a wide interval as a whole, and may have a narrow one in its second half.
    match late {
        Some(late) if is_growth(late) => Growth::Grows,
        Some(late) if is_sure(late) => Growth::LevelsOff,
        _ => Growth::Unclear,
    }
}
