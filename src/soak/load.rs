//! Whether as many clients were there at the end as at the beginning of the time in which growth is looked for.

use super::trend::BLOCKS;
use crate::{
    metric::Metric,
    profile::Group,
    record::{Record, Repeat},
    stats::{block_medians, median},
};

/// A difference of so many of a group's clients, as a share of them, is none; nor is one of [`FEW`].
const SAME: f64 = 0.1;

/// See [`SAME`].
const FEW: f64 = 2.0;

/// How the load changed, in a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Fewer clients of a group were there at the end.
    Fell(String),
    /// More of them were.
    Rose(String),
}

/// How the load changed between two instants, if it did.
pub(super) fn change(record: &Record, repeat: &Repeat, between: (i64, i64)) -> Option<Change> {
    record.profile.clients.iter().find_map(|group| of_group(group, repeat, between))
}

fn of_group(group: &Group, repeat: &Repeat, (from, to): (i64, i64)) -> Option<Change> {
    let series = repeat.series.group_points(&group.name, Metric::Alive);
    let within = series.into_iter().filter(|(at, _)| (from..=to).contains(at));
    let points: Vec<(f64, f64)> = within.map(|(at, open)| (at as f64, open)).collect();
    let blocks: Vec<f64> =
        block_medians(&points, (from as f64, to as f64), BLOCKS).into_iter().map(|(_, open)| open).collect();
    // One block may have a single sample.
    let few = (blocks.len() / 8).max(1);
    let first = median(&blocks[..few.min(blocks.len())])?;
    let last = median(&blocks[blocks.len() - few..])?;
    let same = (f64::from(group.count) * SAME).max(FEW);
    let why = format!(
        "{first:.0} of {} clients of `{}` were connected at first and {last:.0} at the end, so the load was not the same all \
         the time",
        group.count, group.name
    );
    if last < first - same {
        Some(Change::Fell(why))
    } else if last > first + same {
        Some(Change::Rose(why))
    } else {
        None
    }
}
