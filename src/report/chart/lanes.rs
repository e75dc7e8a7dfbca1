//! The lanes above every chart over time: one for each misbehaving group, with the times at which it was connected, and
//! one for each reason of eviction.

use indexmap::IndexMap;

use super::{
    axis::Axis,
    figure::{GRAY, INK, Layer, PALETTE, Shape, color},
};
use crate::{
    metric::Metric,
    profile::Group,
    record::{Eviction, Repeat, Series},
};

/// Marks nearer to each other than this share of the axis are one.
const TOLD_APART: f64 = 1.0 / 4000.0;
/// Evictions nearer to each other than this share of the axis are shaded as one time.
const ONE_TIME: f64 = 1.0 / 100.0;

/// The lanes of a repeat, from the top down.
pub(super) fn lanes(repeat: &Repeat, groups: &[Group], x: &Axis) -> Vec<Layer> {
    let bad = groups.iter().enumerate().filter(|(_, group)| misbehaves(group));
    let connected = bad.filter_map(|(index, group)| {
        let spans = connected(&repeat.series, &group.name);
        let label = Some(format!("{}: some connected", group.name));
        (!spans.is_empty()).then_some((label, color(index), spans))
    });
    let connected: Vec<Layer> = connected
        .enumerate()
        .map(|(row, (label, color, spans))| Layer { label, color, shape: Shape::Spans(spans, row) })
        .collect();
    let above = connected.len();
    let evicted = evicted(&repeat.evictions, x).into_iter().enumerate();
    let evicted = evicted.map(|(index, (label, at))| Layer {
        label: Some(label),
        color: [INK, GRAY, PALETTE[3]][index % 3],
        shape: Shape::Marks(at, above + index),
    });
    connected.into_iter().chain(evicted).collect()
}

/// The times at which connections were evicted, one after the other.
pub(super) fn struck(evictions: &[Eviction], x: &Axis) -> Vec<(f64, f64)> {
    let mut at: Vec<f64> = evictions.iter().map(|eviction| seconds(eviction.at_ns)).collect();
    at.sort_by(f64::total_cmp);
    let near = (x.to - x.from) * ONE_TIME;
    at.chunk_by(|a, b| b - a < near).map(|times| (times[0], times[times.len() - 1])).collect()
}

fn misbehaves(group: &Group) -> bool {
    let stays = group.reconnect.is_none() && group.lifetime.is_none() && group.stop.is_none();
    !(group.is_steady() && stays)
}

/// From when to when some connection of the group was open, as far as samples show.
fn connected(series: &Series, group: &str) -> Vec<(f64, f64)> {
    let Some(alive) = series.group(group, Metric::Alive) else { return Vec::new() };
    let points = series.points(alive);
    let open = points.chunk_by(|a, b| (a.1 > 0.0) == (b.1 > 0.0)).filter(|part| part[0].1 > 0.0);
    open.map(|part| (seconds(part[0].0), seconds(part[part.len() - 1].0))).collect()
}

/// The evictions of each reason; those that would coincide are one mark, and the label counts them.
fn evicted(evictions: &[Eviction], x: &Axis) -> Vec<(String, Vec<f64>)> {
    let mut reasons: IndexMap<&str, Vec<f64>> = IndexMap::new();
    for eviction in evictions {
        reasons.entry(&eviction.reason).or_default().push(seconds(eviction.at_ns));
    }
    let marks = |(reason, mut at): (&str, Vec<f64>)| {
        let label = format!("evicted ({reason}) × {}", at.len());
        at.sort_by(f64::total_cmp);
        at.dedup_by_key(|at| (*at / ((x.to - x.from) * TOLD_APART)) as i64);
        (label, at)
    };
    reasons.into_iter().map(marks).collect()
}

fn seconds(ns: i64) -> f64 {
    ns as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eviction(at_ns: i64, reason: &str) -> Eviction {
        let reason = reason.to_owned();
        let (group, lateness_ns, seen_after_ns) = (None, None, None);
        Eviction { at_ns, reason, group, lateness_ns, seen_after_ns, ..Eviction::default() }
    }

    #[test]
    fn evictions_close_in_time_are_shaded_together() {
        let axis = Axis::seconds(0.0, 10.0);
        let at = |ms: i64| eviction(ms * 1_000_000, "send_timeout");
        assert_eq!(struck(&[at(3000), at(1000), at(3050), at(3100)], &axis), [(1.0, 1.0), (3.0, 3.1)]);
        assert_eq!(struck(&[], &axis), []);
    }

    #[test]
    fn evictions_are_marked_and_counted_by_reason() {
        let axis = Axis::seconds(0.0, 9.0);
        let evictions =
            [eviction(5, "send_limit"), eviction(2_000_000_000, "protocol"), eviction(7, "send_limit")];
        let marks = evicted(&evictions, &axis);
        assert_eq!(marks[0], ("evicted (send_limit) × 2".to_owned(), vec![5e-9]));
        assert_eq!(marks[1], ("evicted (protocol) × 1".to_owned(), vec![2.0]));
    }

    #[test]
    fn a_lane_spans_a_groups_first_to_last_connection() {
        let mut series = Series { at_ns: (0..6).map(|s| s * 1_000_000_000).collect(), ..Series::default() };
        let alive = [0.0, 3.0, 1.0, 0.0, 0.0, 2.0].map(Some).to_vec();
        series.columns.insert("bad.alive".to_owned(), alive);
        assert_eq!(connected(&series, "bad"), [(1.0, 2.0), (5.0, 5.0)]);
        assert_eq!(connected(&series, "good"), []);
    }
}
