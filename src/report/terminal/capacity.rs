//! The result of a search for how much a server holds: the levels, what to know of them, and the bracket.

use super::{
    super::{capacity, meaning::meaning, view::manner},
    columns,
    style::Style,
};
use crate::{gate::BracketComparison, record::Record};

/// The levels, remarks and the bracket.
#[must_use]
pub fn capacity(record: &Record, style: Style) -> String {
    let Some(found) = &record.capacity else { return String::new() };
    let mut out = style.hanging("", &format!("{}: {}", record.name, record.profile.title), 2);
    out += &style.hanging("  ", &format!("levels of {}: {}", found.of, manner(record)), 2);
    out += "\n";
    out += &columns::table(&capacity::table(record, found), style.width);
    let remarks = capacity::remarks(record, found);
    if !remarks.is_empty() {
        out += "\n";
        out.extend(remarks.iter().map(|remark| style.hanging("- ", remark, 2)));
    }
    out + "\n" + &capacity_line(record, style)
}

/// The bracket and its verdict.
#[must_use]
pub fn capacity_line(record: &Record, style: Style) -> String {
    let verdict = record.verdict();
    style.verdict_text(verdict, &meaning(record), verdict.word().len() + 2)
}

/// Two brackets, and the verdict on the second.
#[must_use]
pub fn brackets(comparison: &BracketComparison, style: Style) -> String {
    let of = |which: &str, found| style.hanging(which, &capacity::bracket(found), 6);
    let verdict = comparison.verdict;
    let end = style.verdict_text(verdict, &comparison.meaning, verdict.word().len() + 2);
    let both = of("base  ", &comparison.base) + &of("head  ", &comparison.head);
    let remarks: String = comparison.remarks.iter().map(|remark| style.hanging("- ", remark, 2)).collect();
    format!("{}\n{both}{remarks}\n{end}", style.hanging("", &comparison.of, 2).trim_end())
}
