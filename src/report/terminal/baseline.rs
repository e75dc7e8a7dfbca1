//! The comparison of a run with a baseline, for a terminal.

use super::{
    super::baseline::{self, differs, meaning, title},
    columns,
    style::Style,
};
use crate::gate::BaselineComparison;

/// The comparison of a run with a baseline as text.
#[must_use]
pub fn baseline(comparison: &BaselineComparison, style: Style) -> String {
    let (head, differs) = (title(comparison), differs(comparison));
    let table = baseline::table(comparison);
    let mut out = vec![style.hanging("", &head, 2)];
    out.extend(differs.iter().map(|note| style.hanging("  note: ", note, 4)));
    if !table.is_empty() {
        out.push(format!("\n{}\n", columns::table(&table, style.width)));
    }
    out.push(style.verdict_text(comparison.verdict, &meaning(comparison), 4));
    out.concat()
}
