//! The change of a metric between two records, in words.

use indexmap::IndexSet;

use crate::{
    gate::{ChangeKind, RecordChange, RecordFigure},
    metric::Unit,
    report::view::{NOTHING, show},
};

/// What is said of a change of less than a two-thousandth.
pub(super) const SAME: &str = "=";

/// A lower bound stands behind a `>`; why it is one, where there is more room: in the last column.
pub(super) fn shown(unit: Unit, side: &RecordFigure) -> String {
    format!("{}{}", if side.censored.is_some() { "> " } else { "" }, show(unit, side.mean))
}

/// What the change amounts to, and why a side is a lower bound.
pub(super) fn judgment(change: &RecordChange) -> String {
    let causes: IndexSet<&str> =
        [&change.a, &change.b].into_iter().filter_map(|side| side.censored.as_deref()).collect();
    let causes: Vec<&str> = causes.into_iter().collect();
    let why = if causes.is_empty() { String::new() } else { format!(" ({})", causes.join(", ")) };
    let word = if change.kind == ChangeKind::Fact { "" } else { change.kind.word() };
    format!("{word}{why}").trim_start().to_owned()
}

/// The change relative to `a`.
pub(super) fn percent(change: &RecordChange) -> String {
    if change.a.censored.is_some() || change.b.censored.is_some() {
        return NOTHING.to_owned();
    }
    let (a, b) = (change.a.mean, change.b.mean);
    let change = (b - a) / a.abs() * 100.0;
    match change {
        c if c.is_nan() || c.abs() < 0.05 => SAME.to_owned(),
        c if c.is_infinite() => "from 0".to_owned(),
        c if c.abs() >= 999.5 => format!("×{:.0}", b / a),
        c if c.abs() >= 9.95 => format!("{c:+.0} %"),
        c => format!("{c:+.1} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Key;

    #[test]
    fn the_change_of_a_lower_bound_has_no_percentage() {
        let Key { stat, .. } = Key::parse("good.latency_p99").expect("a metric");
        let figure =
            |mean, censored: Option<&str>| RecordFigure { mean, censored: censored.map(str::to_owned) };
        let (known, bound) = (figure(6e9, None), figure(1e6, Some("unanswered")));
        let change = |a: &RecordFigure, b: &RecordFigure| {
            let (group, kind) = (Some("good".to_owned()), ChangeKind::Worse);
            percent(&RecordChange { group, stat, phase: None, a: a.clone(), b: b.clone(), kind })
        };
        assert_eq!(change(&known, &bound), NOTHING);
        assert_eq!(change(&bound, &known), NOTHING);
        assert_eq!(change(&known, &figure(9e9, None)), "+50 %");
    }
}
