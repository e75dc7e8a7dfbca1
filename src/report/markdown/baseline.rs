//! The comparison of a run with a baseline, for the page of a CI job.

use super::{
    super::{
        baseline::{self, differs, meaning, title},
        medium::markdown as plain,
    },
    table::table,
};
use crate::gate::BaselineComparison;

/// The comparison of a run with a baseline, behind the report of the run.
pub(in crate::report) fn render(comparison: &BaselineComparison) -> String {
    let mut out = vec![format!("\n## Against the baseline {}\n\n", plain(&comparison.baseline))];
    let (meaning, title) = (plain(&meaning(comparison)), plain(&title(comparison)));
    out.push(format!("**{}** {meaning}\n\n{title}\n", comparison.verdict.word()));
    out.extend(differs(comparison).iter().map(|note| format!("\n- {}", plain(note))));
    out.push(format!("\n\n{}\n", table(&baseline::table(comparison))));
    out.concat()
}
