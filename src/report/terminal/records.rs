//! Two records side by side, for a terminal.

use super::{
    super::{
        compare::{differing, origin, table, tally, unmatched},
        view::in_words,
    },
    set::{self, WIDTH, hanging},
};
use crate::{gate::RecordComparison, record::Record};

/// The comparison as text of 80 columns. Values are means over the repeats; `b` is judged against `a`.
#[must_use]
pub fn records(a: &Record, b: &Record) -> String {
    let mut out = vec![hanging("A: ", &origin(a), 3), hanging("B: ", &origin(b), 3)];
    out.extend(differing(a, b).iter().map(|difference| hanging("! ", difference, 2)));
    let comparison = RecordComparison::of(a, b);
    for point in &comparison.points {
        if !point.axes.is_empty() {
            out.push(format!("\n{}", hanging("── ", &in_words(&point.axes), 3)));
        }
        out.push(format!("\n{}", set::table(&table(point), WIDTH)));
        for (name, only) in [("A", &point.only_a), ("B", &point.only_b)] {
            if !only.is_empty() {
                out.push(format!("\n{}", hanging(&format!("only in {name}: "), &only.join(", "), 2)));
            }
        }
    }
    for (name, only) in unmatched(&comparison) {
        out.push(format!("\n{}", hanging(&format!("this point of the sweep is only in {name}: "), &only, 2)));
    }
    out.push(format!("\n{}", hanging("", &tally(&comparison), 2)));
    out.concat()
}
