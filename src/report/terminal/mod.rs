//! Results as text for a terminal: the answer first, in lines as wide as the terminal, up to 160 columns.

mod baseline;
mod calibration;
mod capacity;
mod checks;
mod columns;
mod comparison;
mod records;
mod remarks;
mod run;
mod soak;
mod style;
mod sweep;

pub use self::{
    baseline::baseline,
    calibration::calibration,
    capacity::{brackets, capacity, capacity_line},
    comparison::comparison,
    records::records,
    run::{render, skipped, verdicts},
    style::Style,
};
