//! `comparison.md`: a comparison of two servers, for the page of a CI job.

use super::{
    super::{
        gate::{meaning, remarks, tables, title},
        medium::markdown as plain,
    },
    table::table,
};
use crate::gate::PairedComparison;

/// The whole file.
#[must_use]
pub fn comparison(comparison: &PairedComparison) -> String {
    let mut out = vec![format!(
        "# {}: {}\n\n{}\n",
        plain(&comparison.origin.name),
        comparison.verdict.word(),
        plain(&meaning(comparison))
    )];
    out.push(format!("\n{}\n", plain(&title(comparison))));
    out.extend(
        tables(comparison).iter().map(|shown| format!("\n## {}\n\n{}", shown.caption(), table(shown))),
    );
    out.extend(remarks(comparison).iter().map(|remark| format!("\n- {}", plain(remark))));
    out.push("\n".to_owned());
    out.concat()
}
