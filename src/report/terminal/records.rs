//! Two records side by side, for a terminal: the largest changes first.

use indexmap::IndexSet;

use super::{
    super::{
        compare::{differing, largest, origin, table, tally, unmatched},
        view::in_words,
    },
    columns,
    style::Style,
};
use crate::{gate::RecordComparison, record::Record};

/// The comparison as text. Values are means over the repeats; `b` is judged against `a`.
#[must_use]
pub fn records(a: &Record, b: &Record, style: Style) -> String {
    let mut out = vec![style.hanging("A: ", &origin(a), 3), style.hanging("B: ", &origin(b), 3)];
    let comparison = RecordComparison::of(a, b);
    let notes = differing(a, b, &comparison);
    out.extend(notes.iter().map(|difference| style.hanging("! ", difference, 2)));
    let changes = largest(&comparison);
    if !changes.is_empty() {
        out.push(format!("\n{}", columns::table(&changes, style.width)));
    }
    out.push(format!("\n{}", style.hanging("", &tally(&comparison), 2)));
    let points = &comparison.points;
    for point in points {
        let table = table(point, style.verbose);
        if !point.axes.is_empty() && !table.is_empty() {
            out.push(format!("\n{}", style.hanging("── ", &in_words(&point.axes), 3)));
        }
        if !table.is_empty() {
            out.push(format!("\n{}", columns::table(&table, style.width)));
        }
    }
    out.push(only_in("A", points.iter().flat_map(|point| &point.only_a), style));
    out.push(only_in("B", points.iter().flat_map(|point| &point.only_b), style));
    for (name, only) in unmatched(&comparison) {
        let words = format!("this point of the sweep is only in {name}: {only}");
        out.push(format!("\n{}", style.hanging("", &words, 2)));
    }
    if !style.verbose {
        let more = "-v lists all metrics, with those that did not change";
        out.push(format!("\n{}", style.hanging("", more, 2)));
    }
    out.concat()
}

/// Metrics that only one of the records has: how many, or all of them by name.
fn only_in<'a>(record: &str, names: impl Iterator<Item = &'a String>, style: Style) -> String {
    let names: IndexSet<&str> = names.map(String::as_str).collect();
    let text = match names.len() {
        0 => return String::new(),
        _ if style.verbose => names.into_iter().collect::<Vec<_>>().join(", "),
        1 => "1 metric".to_owned(),
        count => format!("{count} metrics"),
    };
    format!("\n{}", style.hanging(&format!("only in {record}: "), &text, 2))
}
