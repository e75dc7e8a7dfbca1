//! Two records side by side, for a terminal.

use super::{
    super::compare::{compared, differing, origin, table, tally, unmatched},
    set::{self, WIDTH, hanging},
};
use crate::record::Record;

/// The comparison as text of 80 columns. Values are means over the repeats; `b` is judged against `a`.
#[must_use]
pub fn records(a: &Record, b: &Record) -> String {
    let mut out = vec![hanging("A: ", &origin(a), 3), hanging("B: ", &origin(b), 3)];
    out.extend(differing(a, b).iter().map(|difference| hanging("! ", difference, 2)));
    let points = compared(a, b);
    for point in &points {
        if !point.axes.is_empty() {
            out.push(format!("\n{}", hanging("── ", &point.axes, 3)));
        }
        out.push(format!("\n{}", set::table(&table(point), WIDTH)));
        for (name, only) in [("A", &point.only_a), ("B", &point.only_b)] {
            if !only.is_empty() {
                out.push(format!("\n{}", hanging(&format!("only in {name}: "), &only.join(", "), 2)));
            }
        }
    }
    for (name, only) in unmatched(a, b) {
        out.push(format!("\n{}", hanging(&format!("this point of the sweep is only in {name}: "), &only, 2)));
    }
    out.push(format!("\n{}", hanging("", &tally(&points), 2)));
    out.concat()
}
