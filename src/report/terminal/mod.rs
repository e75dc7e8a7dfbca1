//! Results as text for a terminal of 80 columns.

mod baseline;
mod calibration;
mod comparison;
mod records;
mod run;
mod set;

pub use self::{
    baseline::baseline,
    calibration::calibration,
    comparison::comparison,
    records::records,
    run::{render, skipped, verdicts},
};
