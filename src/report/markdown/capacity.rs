//! `summary.md` of a search for how much a server holds: the bracket, the levels, and what to know of them.

use super::{
    super::{capacity, meaning::meaning, medium::markdown as plain, view::manner},
    table::table,
};
use crate::record::{Capacity, Record};

/// The whole file.
pub(super) fn render(record: &Record, found: &Capacity) -> String {
    let heading = format!("# {}: {}", record.verdict().word(), plain(&record.profile.title));
    let answer = format!("**{}** {}.", plain(&meaning(record)), plain(&manner(record)));
    let levels = table(&capacity::table(record, found));
    let remarks = capacity::remarks(record, found);
    let remarks = remarks.iter().map(|remark| format!("> {}", plain(remark)));
    let parts = [heading, answer, levels.trim_end().to_owned()].into_iter().chain(remarks);
    parts.collect::<Vec<_>>().join("\n\n") + "\n"
}
