//! Tables for other programs: numbers in their base units, names with the unit at their end, nothing rounded.

use csv::Writer;
use indexmap::IndexSet;

use super::{ReportError, medium};
use crate::{
    metric::{Column, Key, Unit},
    record::{Record, Repeat, names},
};

/// `series.csv`: a row for each sample.
pub(super) fn series(record: &Record) -> Result<Vec<u8>, ReportError> {
    let axes = axes(record);
    let repeats = record.repeats();
    let columns: IndexSet<&str> =
        repeats.flat_map(|repeat| repeat.series.columns.keys().map(String::as_str)).collect();
    let names = columns.iter().map(|name| with_unit(name, metric_unit(name)));
    let mut writer = Writer::from_writer(Vec::new());
    writer.write_record(head(&axes, &["point", "repeat", "at_s"]).into_iter().chain(names))?;
    for (p, point) in record.points.iter().enumerate() {
        let place: Vec<String> = axes
            .iter()
            .map(|axis| point.axes.get(*axis).map(|value| medium::csv(value)).unwrap_or_default())
            .collect();
        for (t, repeat) in point.repeats.iter().enumerate() {
            for (i, at_ns) in repeat.series.at_ns.iter().enumerate() {
                let at = [(p + 1).to_string(), (t + 1).to_string(), (*at_ns as f64 / 1e9).to_string()];
                let value = |name: &&str| repeat.series.columns.get(*name)?.get(i).copied()?;
                let values = columns.iter().map(|name| cell(value(name)));
                writer.write_record(place.iter().cloned().chain(at).chain(values))?;
            }
        }
    }
    finished(writer)
}

/// `summary.csv`: a row for each sweep point and repeat. Its last column says which of the numbers are lower bounds, and why:
/// `good.latency_p99=unanswered; …`.
pub(super) fn summary(record: &Record) -> Result<Vec<u8>, ReportError> {
    let axes = axes(record);
    let columns = names(record.repeats());
    let names = columns.iter().map(|name| number(name));
    let mut writer = Writer::from_writer(Vec::new());
    let names = names.chain([CENSORED.to_owned()]);
    writer.write_record(head(&axes, &["repeat", "seed"]).into_iter().chain(names))?;
    for point in &record.points {
        for (t, repeat) in point.repeats.iter().enumerate() {
            let place = axes
                .iter()
                .map(|axis| point.axes.get(*axis).map(|value| medium::csv(value)).unwrap_or_default());
            let at = [(t + 1).to_string(), repeat.seed.to_string()];
            let values = columns.iter().map(|name| cell(repeat.summary.get(*name).copied()));
            writer.write_record(place.chain(at).chain(values).chain([censored(repeat)]))?;
        }
    }
    finished(writer)
}

/// The column that says which numbers are lower bounds.
const CENSORED: &str = "censored";

fn censored(repeat: &Repeat) -> String {
    let each = repeat.censored.iter().map(|(name, cause)| format!("{name}={cause}"));
    medium::csv(&each.collect::<Vec<_>>().join("; "))
}

/// Every key that the sweep sets.
fn axes(record: &Record) -> IndexSet<&str> {
    record.points.iter().flat_map(|point| point.axes.keys().map(String::as_str)).collect()
}

fn head(axes: &IndexSet<&str>, more: &[&str]) -> Vec<String> {
    axes.iter().chain(more).map(|name| medium::csv(name)).collect()
}

/// What was not read is empty, never zero.
fn cell(value: Option<f64>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn metric_unit(column: &str) -> Option<Unit> {
    Column::parse(column).map(|column| column.metric.spec().unit)
}

/// The column of a number of a summary: the unit stands before the phase.
fn number(name: &str) -> String {
    let Some(key) = Key::parse(name) else { return with_unit(name, None) };
    let number = with_unit(&Key { phase: None, ..key }.to_string(), Some(key.stat.unit()));
    match key.phase {
        Some(phase) => format!("{number} @ {phase}"),
        None => number,
    }
}

/// A bare count, and a rate of counts, needs no unit at its name; nor does a name that ends with it.
fn with_unit(name: &str, unit: Option<Unit>) -> String {
    match unit {
        None | Some(Unit::Count | Unit::PerSecond) => medium::csv(name),
        Some(unit) if name.ends_with(unit.name()) => medium::csv(name),
        Some(Unit::BytesPerSecond) => medium::csv(&format!("{name}_bytes_per_second")),
        Some(unit) => medium::csv(&format!("{name}_{}", unit.name())),
    }
}

fn finished(writer: Writer<Vec<u8>>) -> Result<Vec<u8>, ReportError> {
    writer.into_inner().map_err(|e| ReportError::Csv(e.into_error().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_name_ends_with_its_unit() {
        assert_eq!(with_unit("good.response_p99", metric_unit("good.response_p99")), "good.response_p99_ns");
        assert_eq!(with_unit("server_rss", metric_unit("server_rss")), "server_rss_bytes");
        assert_eq!(with_unit("good.requests", metric_unit("good.requests")), "good.requests");
        assert_eq!(with_unit("corrupt_bytes", Some(Unit::Bytes)), "corrupt_bytes");
        assert_eq!(number("good.received_rate"), "good.received_rate_bytes_per_second");
        assert_eq!(number("good.latency_p99 @ with"), "good.latency_p99_ns @ with");
        assert_eq!(number("of a later version"), "of a later version");
    }
}
