//! How much a server holds, in words and as a table.

use super::{
    table::{
        Align::{Left, Right},
        Table,
    },
    view::figure,
};
use crate::{
    metric::Key,
    record::{Border, Capacity, ExpectationResult, Finding, Level, Record, SearchEnd, Verdict},
};

/// What a search came to: `clients.slow.count holds 640, fails 960: good.latency_p99 < 50ms (12 ms at 640, 73 ms at 960)`.
pub(super) fn sentence(capacity: &Capacity) -> String {
    format!("{} {}", capacity.of, bracket(capacity))
}

/// The bracket in words, without the key.
pub(super) fn bracket(capacity: &Capacity) -> String {
    let (holds, fails) = (capacity.bracket.holds.as_ref(), capacity.bracket.fails.as_ref());
    match (holds, fails) {
        (Some(holds), Some(fails)) => format!(
            "holds {}, fails {}: {}{}",
            holds.text,
            fails.text,
            why_fails(capacity, fails),
            figures(&[holds, fails])
        ),
        (None, Some(fails)) if fails.value == capacity.from => {
            format!("fails {} already: {}{}", fails.text, why_fails(capacity, fails), figures(&[fails]))
        }
        (None, Some(fails)) => format!(
            "fails {}: {}{}; no level below it is known to hold",
            fails.text,
            why_fails(capacity, fails),
            figures(&[fails])
        ),
        (Some(holds), None) if capacity.end == Some(SearchEnd::NoFailure) => {
            format!("holds {}, no failure up to there", holds.text)
        }
        (Some(holds), None) => format!("holds {}; no level is known to fail", holds.text),
        (None, None) => "has no bracket: no level is known to hold or to fail".to_owned(),
    }
}

/// The conditions that the failing end does not meet.
fn why_fails(capacity: &Capacity, fails: &Border) -> String {
    let conditions: Vec<String> =
        unmet(fails).map(|result| format!("{} {}", result.name, result.condition)).collect();
    if !conditions.is_empty() {
        return conditions.join(", ");
    }
    let level = capacity.levels.iter().find(|level| level.value == fails.value);
    level.and_then(|level| level.reason(Finding::Fails)).unwrap_or("a condition is not met").to_owned()
}

fn unmet(border: &Border) -> impl Iterator<Item = &ExpectationResult> {
    border.figures.iter().filter(|result| result.verdict == Verdict::Fail)
}

/// What was measured at the ends of the first condition that is not met.
fn figures(borders: &[&Border]) -> String {
    let Some(first) = borders.last().and_then(|fails| unmet(fails).next()) else { return String::new() };
    let shown = |border: &&Border| {
        let figure = border.figures.iter().find(|result| result.name == first.name)?;
        Some(format!("{} at {}", figure.shown(), border.text))
    };
    let shown: Vec<String> = borders.iter().filter_map(shown).collect();
    if shown.is_empty() { String::new() } else { format!(" ({})", shown.join(", ")) }
}

/// What a reader should know of the search beside the bracket.
pub(super) fn remarks(record: &Record, capacity: &Capacity) -> Vec<String> {
    let mut all: Vec<String> =
        capacity.contradictions().filter_map(|level| contradiction(capacity, level)).collect();
    all.extend(capacity.unclear().map(unclear));
    let ends = [&capacity.bracket.holds, &capacity.bracket.fails];
    let unconfirmed = ends.into_iter().flatten().filter(|border| border.repeats < capacity.confirmations);
    all.extend(unconfirmed.map(|border| {
        let (text, repeats, asked) = (&border.text, border.repeats, capacity.confirmations);
        format!("{text} is not confirmed: {repeats} of {asked} repeats agree on it so far")
    }));
    let end = match capacity.end {
        Some(SearchEnd::OutOfTime) => {
            Some("the time budget ended before the bracket was as narrow as asked for")
        }
        None if record.interrupted => Some("the search was cut short; this is what was measured until then"),
        _ => None,
    };
    all.extend(end.map(str::to_owned));
    all.extend(capacity.remarks.iter().cloned());
    all
}

fn contradiction(capacity: &Capacity, level: &Level) -> Option<String> {
    let fails = capacity.bracket.fails.as_ref()?;
    Some(format!(
        "it fails {} but holds {}: more is not always harder here, and the bracket is that of the lowest failure",
        fails.text, level.text
    ))
}

fn unclear(level: &Level) -> String {
    let (holds, fails, text) = (level.count(Finding::Holds), level.count(Finding::Fails), &level.text);
    if level.finding() == Finding::Mixed {
        let why =
            level.reason(Finding::Fails).map(|why| format!("; where it failed: {why}")).unwrap_or_default();
        return format!("{text} held in {holds} of {} repeats{why}", holds + fails);
    }
    let repeats = match level.repeats.len() {
        1 => "1 repeat".to_owned(),
        several => format!("{several} repeats"),
    };
    let why = level.reason(Finding::Inconclusive).unwrap_or("no repeat was finished");
    format!("{text} is inconclusive after {repeats}: {why}")
}

/// The names of the numbers that decide: those that the failing end does not meet, or all that are expected.
pub(super) fn deciding(record: &Record, capacity: &Capacity) -> Vec<String> {
    let unmet: Vec<String> =
        capacity.bracket.fails.iter().flat_map(unmet).map(|result| result.name.clone()).collect();
    if unmet.is_empty() { record.profile.expect.keys().cloned().collect() } else { unmet }
}

/// A row for each level: what it came to, in how many repeats, and the numbers that decide.
pub(super) fn table(record: &Record, capacity: &Capacity) -> Table {
    let mut table =
        Table::new("Levels", &[(capacity.of.as_str(), Right), ("finding", Left), ("repeats", Right)]);
    let names = deciding(record, capacity);
    let numbers: Vec<Key<'_>> = names.iter().filter_map(|name| Key::parse(name)).collect();
    for number in &numbers {
        table.column(number.to_string(), Right);
    }
    for (level, point) in capacity.levels.iter().zip(&record.points) {
        let finding = level.finding();
        let repeats = match finding {
            Finding::Mixed => format!("{} of {} hold", level.count(Finding::Holds), level.conclusive()),
            Finding::Inconclusive => level.repeats.len().to_string(),
            Finding::Holds | Finding::Fails => level.conclusive().to_string(),
        };
        let cells = numbers.iter().map(|number| figure(point, &number.to_string(), number.stat.unit()));
        table
            .row([level.text.clone(), finding.word().to_owned(), repeats].into_iter().chain(cells).collect());
    }
    table
}
