//! A comparison of two servers, for a terminal.

use super::{
    super::gate::{meaning, remarks, tables, title},
    set::{self, WIDTH, hanging, verdict_text},
};
use crate::gate::PairedComparison;

/// The comparison as text of 80 columns.
#[must_use]
pub fn comparison(comparison: &PairedComparison, color: bool) -> String {
    let mut out = vec![hanging("", &title(comparison), 2)];
    out.extend(
        tables(comparison).iter().map(|table| format!("\n{}\n{}", table.caption(), set::table(table, WIDTH))),
    );
    out.push("\n".to_owned());
    out.extend(remarks(comparison).iter().map(|remark| hanging("  note: ", remark, 4)));
    out.push(verdict_text(comparison.verdict, &meaning(comparison), 4, color));
    out.concat()
}
