//! Samples over time.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::metric::{Column, Metric, Row};

/// Samples over time, by column.
#[derive(Clone, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Series {
    /// When each sample was taken, in nanoseconds since the first client started; the first lies before it.
    pub at_ns: Vec<i64>,
    /// A value for each sample, in the metric's unit; `None` where it was not read. A group's columns are named `group.metric`.
    pub columns: IndexMap<String, Vec<Option<f64>>>,
    /// When each source was read, by its name: sources are read one after the other, and reading many sockets takes
    /// time. A column without a source was read when the sample was taken.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub clocks: IndexMap<String, Clock>,
}

/// When one source was read.
#[derive(Clone, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Clock {
    /// The columns that were read from it.
    pub columns: Vec<String>,
    /// When, for each sample, in nanoseconds since the first client started; `None` where it was not read.
    pub at_ns: Vec<Option<i64>>,
}

impl Series {
    /// The column of a run-wide metric, in its unit.
    #[must_use]
    pub fn run(&self, metric: Metric) -> Option<&[Option<f64>]> {
        self.column(Column::new(None, metric))
    }

    /// The column of a group's metric, in its unit.
    #[must_use]
    pub fn group(&self, group: &str, metric: Metric) -> Option<&[Option<f64>]> {
        self.column(Column::new(Some(group), metric))
    }

    fn column(&self, column: Column<'_>) -> Option<&[Option<f64>]> {
        self.columns.get(&column.to_string()).map(Vec::as_slice)
    }

    /// Adds a column, unless no sample has a value.
    pub fn add(&mut self, group: Option<&str>, metric: Metric, rows: &[&Row]) {
        let values: Vec<_> = rows.iter().map(|row| row.value(metric)).collect();
        if values.iter().any(Option::is_some) {
            self.columns.insert(Column::new(group, metric).to_string(), values);
        }
    }

    /// When a run-wide metric was read, in nanoseconds since the first client started, and its value, in its unit; nothing
    /// where it never was.
    #[must_use]
    pub fn run_points(&self, metric: Metric) -> Vec<(i64, f64)> {
        self.points_of(Column::new(None, metric))
    }

    /// The same of a group's metric.
    #[must_use]
    pub fn group_points(&self, group: &str, metric: Metric) -> Vec<(i64, f64)> {
        self.points_of(Column::new(Some(group), metric))
    }

    fn points_of(&self, column: Column<'_>) -> Vec<(i64, f64)> {
        let name = column.to_string();
        let Some(column) = self.columns.get(&name) else { return Vec::new() };
        let clock = self.clocks.values().find(|clock| clock.columns.contains(&name));
        let Some(clock) = clock else { return self.points(column) };
        let read = clock.at_ns.iter().zip(&self.at_ns).zip(column);
        read.filter_map(|((read, sampled), value)| Some((read.unwrap_or(*sampled), (*value)?))).collect()
    }

    /// The times of the samples, and the values of a column, where it was read.
    #[must_use]
    pub fn points(&self, column: &[Option<f64>]) -> Vec<(i64, f64)> {
        self.at_ns.iter().zip(column).filter_map(|(at, value)| value.map(|value| (*at, value))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_column_is_not_kept() {
        let mut row = Row::default();
        row.set(Metric::ServerRss, 7.0);
        let mut series = Series { at_ns: vec![0, 1], ..Series::default() };
        for metric in [Metric::ServerRss, Metric::ServerPss] {
            series.add(None, metric, &[&row, &Row::default()]);
        }
        assert_eq!(series.run(Metric::ServerRss), Some(&[Some(7.0), None][..]));
        assert_eq!(series.run(Metric::ServerPss), None);
        assert_eq!(series.points(series.run(Metric::ServerRss).expect("a column")), [(0, 7.0)]);
        assert_eq!(series.run_points(Metric::ServerRss), [(0, 7.0)]);
        let clock = Clock { columns: vec!["server_rss".to_owned()], at_ns: vec![Some(5), None] };
        series.clocks.insert("process".to_owned(), clock);
        assert_eq!(series.run_points(Metric::ServerRss), [(5, 7.0)]);
        assert_eq!(series.run_points(Metric::ServerPss), []);
    }
}
