//! The comparison of a run with a baseline, for a terminal.

use super::{
    super::baseline::{self, differs, meaning, title},
    set::{self, WIDTH, hanging, verdict_text},
};
use crate::gate::BaselineComparison;

/// The comparison of a run with a baseline as text of 80 columns.
#[must_use]
pub fn baseline(comparison: &BaselineComparison, color: bool) -> String {
    let (head, differs) = (title(comparison), differs(comparison));
    let table = baseline::table(comparison);
    let mut out = vec![hanging("", &head, 2)];
    out.extend(differs.iter().map(|note| hanging("  note: ", note, 4)));
    if !table.is_empty() {
        out.push(format!("\n{}\n", set::table(&table, WIDTH)));
    }
    out.push(verdict_text(comparison.verdict, &meaning(comparison), 4, color));
    out.concat()
}
