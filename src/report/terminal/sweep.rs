//! The points of a sweep for a terminal: one table, points × the metrics that are expected.

use indexmap::IndexMap;

use super::super::{
    contents::{expected_numbers, met, sweep_numbers},
    table::{Align, Table},
    view::{NOTHING, figure},
};
use crate::{
    metric::Unit,
    record::{Point, Record},
};

/// A row for each point: its values along the sweep, how many expectations are met, and the metrics that `[expect]` names.
/// Without expectations, the rates and the memory. What was measured nowhere is left out.
pub(super) fn table(record: &Record) -> Table {
    let points = &record.points;
    let axes: Vec<&str> =
        points.first().map(|point| point.axes.keys().map(String::as_str).collect()).unwrap_or_default();
    let mut table = Table::new("Points of the sweep", &[]);
    table.column(axes.join(", "), Align::Left);
    table.column("met", Align::Right);
    let mut columns: Vec<Vec<String>> = Vec::new();
    for (name, unit) in numbers(record) {
        let cells: Vec<String> = points.iter().map(|point| figure(point, &name, unit)).collect();
        if cells.iter().any(|cell| cell != NOTHING) {
            table.column(name, Align::Right);
            columns.push(cells);
        }
    }
    for (index, point) in points.iter().enumerate() {
        let cells = columns.iter().map(|cells| cells[index].clone());
        table.row([values(record, point), met(point)].into_iter().chain(cells).collect());
    }
    table
}

fn numbers(record: &Record) -> IndexMap<String, Unit> {
    let expected = expected_numbers(record);
    if expected.is_empty() { sweep_numbers(record) } else { expected }
}

/// What the sweep sets at a point, without the keys: the labels of the profile, or the values.
fn values(record: &Record, point: &Point) -> String {
    let shown =
        |(key, value): (&String, &String)| record.profile.value_label(key, value).unwrap_or(value).to_owned();
    point.axes.iter().map(shown).collect::<Vec<_>>().join(", ")
}
