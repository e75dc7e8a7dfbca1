//! The largest changes between two records: what a comparison opens with.

use super::pair::{ChangeKind, Compared, Pair, judgment, percent, shown};
use crate::report::table::{Align, Table};

/// A comparison opens with so many changes.
const MOST: usize = 5;

/// The largest changes for better or worse, the largest first; empty where nothing got better or worse. A change from nothing,
/// and one that is known to be larger than any number, are before all others.
pub(in crate::report) fn largest(points: &[Compared]) -> Table {
    let head = [
        ("largest changes", Align::Left),
        ("A", Align::Right),
        ("B", Align::Right),
        ("change", Align::Right),
        ("", Align::Left),
    ];
    let mut table = Table::new("Largest changes", &head);
    let mut changes: Vec<(&Compared, &Pair)> = points
        .iter()
        .flat_map(|point| point.pairs.iter().map(move |pair| (point, pair)))
        .filter(|(_, pair)| matches!(pair.change, ChangeKind::Worse | ChangeKind::Better))
        .collect();
    changes.sort_by(|(_, a), (_, b)| size(b).total_cmp(&size(a)));
    for (point, pair) in changes.into_iter().take(MOST) {
        let place = if point.axes.is_empty() { String::new() } else { format!(" at {}", point.axes) };
        let cells = [shown(pair.unit, &pair.a), shown(pair.unit, &pair.b), percent(pair), judgment(pair)];
        table.row([format!("{}{place}", pair.name())].into_iter().chain(cells).collect());
    }
    table
}

/// How large a change is, in either direction: half is as much as double.
fn size(pair: &Pair) -> f64 {
    let is_bound = pair.a.censored.is_some() || pair.b.censored.is_some();
    let (a, b) = (pair.a.mean.abs(), pair.b.mean.abs());
    if is_bound || a == 0.0 || b == 0.0 { f64::INFINITY } else { (b / a).ln().abs() }
}

#[cfg(test)]
mod tests {
    use super::{
        super::pair::{Side, pair},
        *,
    };

    #[test]
    fn the_largest_changes_come_first_whatever_their_direction() {
        let side = |mean| Side { mean, censored: None };
        let pair = |name, a, b| pair(name, &side(a), &side(b)).expect("a number");
        let pairs = vec![
            pair("good.latency_p99", 1e6, 3e6),
            pair("good.latency_p50", 1e6, 1e6),
            pair("server_rss_peak", 8e6, 1e6),
            pair("corrupt_bytes", 0.0, 1.0),
        ];
        let point = Compared { axes: "k = v".to_owned(), pairs, only_a: Vec::new(), only_b: Vec::new() };
        let table = largest(&[point]);
        let names: Vec<&str> = table.rows().iter().map(|cells| cells[0].as_str()).collect();
        assert_eq!(
            names,
            ["corrupt_bytes at k = v", "server_rss_peak at k = v", "good.latency_p99 at k = v"]
        );
    }
}
