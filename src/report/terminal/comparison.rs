//! A comparison of two servers, for a terminal.

use super::{
    super::{
        gate::{meaning, remarks, tables, title},
        table::Table,
    },
    columns,
    style::Style,
};
use crate::gate::PairedComparison;

/// The comparison as text.
#[must_use]
pub fn comparison(comparison: &PairedComparison, style: Style) -> String {
    let mut out = vec![style.hanging("", &title(comparison), 2)];
    let table = |table: &Table| format!("\n{}\n{}", table.caption(), columns::table(table, style.width));
    out.extend(tables(comparison).iter().map(table));
    out.push("\n".to_owned());
    out.extend(remarks(comparison).iter().map(|remark| style.hanging("  note: ", remark, 4)));
    out.push(style.verdict_text(comparison.verdict, &meaning(comparison), 4));
    out.concat()
}
