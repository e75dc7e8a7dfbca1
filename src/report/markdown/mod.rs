//! Results in Markdown, for the page of a CI job.

mod baseline;
mod capacity;
mod comparison;
mod run;
pub(super) mod table;

pub use self::comparison::comparison;
use crate::{gate::BaselineComparison, record::Record};

/// A record as Markdown, and what is said of it against a baseline.
#[must_use]
pub fn record(record: &Record, comparison: Option<&BaselineComparison>) -> String {
    if let Some(found) = &record.capacity {
        return capacity::render(record, found);
    }
    run::render(record) + &comparison.map(baseline::render).unwrap_or_default()
}
