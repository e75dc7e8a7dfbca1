//! The checks of a run: what failed in full, the passed ones as a count.

use indexmap::IndexMap;

use super::{
    super::{contents::importance, problems::problems, view::axes},
    style::Style,
};
use crate::record::{ExpectationResult, Point, Record, Verdict};

/// So many checks that failed are named,
const MOST: usize = 10;
/// and so many others that did not pass, most of which have one reason.
const MOST_OTHERS: usize = 3;
/// So many points are named at which the same check did not pass.
const MOST_POINTS: usize = 3;

/// What did not pass, the worst first, and what was wrong with the answers; nothing where all is well.
pub(super) fn unmet(record: &Record, style: Style) -> String {
    let lines = unmet_lines(record, style);
    let text = lines + &problem_lines(record, style);
    if text.is_empty() { text } else { format!("\n{text}") }
}

/// What was wrong with the answers, in sentences.
pub(super) fn problem_lines(record: &Record, style: Style) -> String {
    problems(record).iter().map(|problem| style.hanging("  ", problem, 4)).collect()
}

/// Checks that did not pass: the same one at several points of a sweep is one line.
pub(super) fn unmet_lines(record: &Record, style: Style) -> String {
    let mut unmet: IndexMap<[&str; 3], Vec<(&Point, &ExpectationResult)>> = IndexMap::new();
    for (point, result) in results(record).filter(|(_, result)| result.verdict != Verdict::Pass) {
        let key = [result.name.as_str(), result.condition.as_str(), result.verdict.word()];
        unmet.entry(key).or_default().push((point, result));
    }
    let mut groups: Vec<_> = unmet.into_values().collect();
    groups.sort_by_key(|group| group.first().map(|(_, result)| importance(result.verdict)));
    let failures =
        groups.partition_point(|group| group.first().is_some_and(|(_, result)| is_failure(result)));
    let (failed, others) = groups.split_at(failures);
    let shown = |groups: &[Vec<(&Point, &ExpectationResult)>], most: usize| {
        let most = if style.verbose { usize::MAX } else { most };
        let lines = groups.iter().take(most).filter_map(|group| unmet_line(group, style));
        let more = groups.len().checked_sub(most).filter(|more| *more > 0);
        let more = more.map(|more| format!("      and {more} more (-v lists them)\n"));
        lines.chain(more).collect::<String>()
    };
    shown(failed, MOST) + &shown(others, MOST_OTHERS)
}

fn unmet_line(group: &[(&Point, &ExpectationResult)], style: Style) -> Option<String> {
    let (_, first) = group.first()?;
    let most = if style.verbose { usize::MAX } else { MOST_POINTS };
    let mut places: Vec<String> = group.iter().take(most).map(measured).collect();
    if group.len() > most {
        places.push(format!("and {} more (-v lists them)", group.len() - most));
    }
    Some(line(first, &places.join("; "), style))
}

/// Passed checks as a count, or in full; nothing without checks.
pub(super) fn passed(record: &Record, style: Style) -> String {
    let passed: Vec<_> = results(record).filter(|(_, result)| result.verdict == Verdict::Pass).collect();
    if style.verbose {
        let line = |check: &(&Point, &ExpectationResult)| self::line(check.1, &measured(check), style);
        return passed.iter().map(line).collect();
    }
    match record.verdicts().count() {
        0 => String::new(),
        all => format!("{} of {all} expectations met (-v lists them)\n", passed.len()),
    }
}

/// Every check with its point.
fn results(record: &Record) -> impl Iterator<Item = (&Point, &ExpectationResult)> {
    record.points.iter().flat_map(|point| point.verdicts.iter().map(move |result| (point, result)))
}

/// What was measured, and at which point, where the name of the check does not say it.
fn measured((point, result): &(&Point, &ExpectationResult)) -> String {
    let is_told = point.axes.is_empty() || result.name.contains(" @ ");
    let at = if is_told { String::new() } else { format!(" at {}", axes(point)) };
    format!("{}{at}", result.shown())
}

fn is_failure(result: &ExpectationResult) -> bool {
    matches!(result.verdict, Verdict::Fail | Verdict::Regression)
}

fn line(result: &ExpectationResult, measured: &str, style: Style) -> String {
    let gap = 6_usize.saturating_sub(result.verdict.word().len()).max(1);
    let words = format!("{} {}: {measured}", result.name, result.condition);
    style.behind_verdict(result.verdict, gap, &words, 6)
}
