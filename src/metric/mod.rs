//! Metrics. One declaration here gives the CSV column, the chart line, the table row, the folds,
//! the name in `[expect]` and the direction of the gate; the probe that can see it calls `row.set` once.
//!
//! To add a metric: one entry in `table/`, one `row.set(Metric::Yours, value)` where it can be read.

mod declare;
mod key;
mod row;
mod spec;
mod stat;
mod table;
mod unit;

pub use self::{
    key::{Column, Key},
    row::Row,
    spec::{Better, Definite, Fold, Gate, Kind, Panel, Scope, Spec, Still},
    stat::Stat,
    table::Metric,
    unit::Unit,
};
