//! The largest changes between two records: what a comparison opens with.

use super::words::{judgment, percent, shown};
use crate::{
    gate::{ChangeKind, PointComparison, RecordChange, RecordComparison},
    report::{
        table::{Align, Table},
        view::in_words,
    },
};

/// A comparison opens with so many changes.
const MOST: usize = 5;

/// The largest changes for better or worse, the largest first; empty where nothing got better or worse. Numbers that two builds
/// are compared by come first; before them, what is known to be larger than any number, and what no load excuses.
pub(in crate::report) fn largest(comparison: &RecordComparison) -> Table {
    let head = [
        ("largest changes", Align::Left),
        ("A", Align::Right),
        ("B", Align::Right),
        ("change", Align::Right),
        ("", Align::Left),
    ];
    let mut table = Table::new("Largest changes", &head);
    let points = comparison.points.iter();
    let mut changes: Vec<(&PointComparison, &RecordChange)> = points
        .flat_map(|point| point.changes.iter().map(move |change| (point, change)))
        .filter(|(_, change)| matches!(change.kind, ChangeKind::Worse | ChangeKind::Better))
        .collect();
    changes.sort_by(|(_, a), (_, b)| {
        let rank = |change: &RecordChange| (change.size().is_infinite(), change.is_gated());
        rank(b).cmp(&rank(a)).then_with(|| b.size().total_cmp(&a.size()))
    });
    for (point, change) in changes.into_iter().take(MOST) {
        let place =
            if point.axes.is_empty() { String::new() } else { format!(" at {}", in_words(&point.axes)) };
        let unit = change.stat.unit();
        let cells = [shown(unit, &change.a), shown(unit, &change.b), percent(change), judgment(change)];
        table.row([format!("{}{place}", change.name())].into_iter().chain(cells).collect());
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{gate::RecordFigure, metric::Key};

    #[test]
    fn the_largest_changes_come_first_whatever_their_direction() {
        let figure = |mean| RecordFigure { mean, censored: None };
        let change = |name, a, b, kind| {
            let Key { group, stat, .. } = Key::parse(name).expect("a metric");
            RecordChange {
                group: group.map(str::to_owned),
                stat,
                phase: None,
                a: figure(a),
                b: figure(b),
                kind,
            }
        };
        let changes = vec![
            change("good.latency_p99", 1e6, 3e6, ChangeKind::Worse),
            change("good.latency_p50", 1e6, 1e6, ChangeKind::Same),
            change("server_rss_peak", 8e6, 1e6, ChangeKind::Better),
            change("corrupt_bytes", 0.0, 1.0, ChangeKind::Worse),
            change("host_steal_rate", 0.0, 9e6, ChangeKind::Worse),
        ];
        let axes = [("k".to_owned(), "v".to_owned())].into_iter().collect();
        let (only_a, only_b) = (Vec::new(), Vec::new());
        let points = vec![PointComparison { axes, windows_ns: (1e9, 1e9), changes, only_a, only_b }];
        let table = largest(&RecordComparison { points, only_a: Vec::new(), only_b: Vec::new() });
        let names: Vec<&str> = table.rows().iter().map(|cells| cells[0].as_str()).collect();
        assert_eq!(
            names,
            [
                "corrupt_bytes at k = v",
                "good.latency_p99 at k = v",
                "server_rss_peak at k = v",
                "host_steal_rate at k = v"
            ]
        );
    }
}
