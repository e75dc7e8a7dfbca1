//! `summary.md`: the verdict, what was expected, and the groups; for the page of a CI job.

use std::fmt::Write;

use super::{
    super::{
        contents, ended,
        meaning::meaning,
        medium::markdown as plain,
        price,
        problems::problems,
        soak,
        stall::explanations,
        view::{axes, faults, manner, unique_notes},
    },
    table::table,
};
use crate::record::Record;

/// The whole file.
pub(in crate::report) fn render(record: &Record) -> String {
    let mut out = format!("# {}: {}\n\n", record.verdict().word(), plain(&record.profile.title));
    let mut paragraph = |text: &str| {
        let _ = write!(out, "{}\n\n", text.trim_end());
    };
    for headline in price::headlines(record) {
        paragraph(&format!("**{}**", plain(&headline.price)));
        paragraph(&plain(&headline.noise));
    }
    paragraph(&format!("{} {}.", plain(&meaning(record)), plain(&manner(record))));
    if let Some(found) = &record.soak {
        paragraph(&table(&soak::table(found)));
        paragraph(&plain(&soak::manner(found)));
    }
    for problem in problems(record) {
        paragraph(&format!("> {}", plain(&problem)));
    }
    for point in &record.points {
        if !point.axes.is_empty() {
            paragraph(&format!("## {}", plain(&axes(point))));
        }
        let price = price::table(point);
        if !price.is_empty() {
            paragraph(&table(&price));
        }
        if let Some(afterwards) = price::afterwards(point) {
            paragraph(&format!("Bad peers: {}.", plain(&afterwards)));
        }
        let tables = [
            contents::expectations(point),
            contents::core(point),
            contents::groups(point),
            contents::memory(point),
            contents::evictions(point),
        ];
        for filled in tables.iter().filter(|table| !table.is_empty()) {
            paragraph(&table(filled));
        }
        for fault in faults(point) {
            paragraph(&format!("> First fault: {}", plain(&fault)));
        }
        for sentence in ended::sentences(point) {
            paragraph(&format!("> Ended by the server: {}", plain(&sentence)));
        }
        for note in unique_notes(point, |repeat| &repeat.invalid) {
            paragraph(&format!("> Not valid: {}", plain(&note)));
        }
        for note in unique_notes(point, |repeat| &repeat.disturbed) {
            paragraph(&format!("> Times are not valid: {}", plain(&note)));
        }
        for note in unique_notes(point, |repeat| &repeat.notes) {
            paragraph(&format!("> {}", plain(&note)));
        }
        for why in unique_notes(point, |repeat| &repeat.unproven) {
            paragraph(&format!("> Fault without effect: {}", plain(&why)));
        }
        for why in explanations(point) {
            paragraph(&format!("> Where bytes were held up: {}", plain(&why)));
        }
    }
    format!("{}\n", out.trim_end())
}
