//! Reports for trackers and CI systems: verdicts as test cases, and metrics under constant names, made from a record or
//! a comparison; one file for each format.

pub(super) mod bencher;
mod ci_report;
pub mod github;
pub(super) mod hlog;
pub(super) mod junit;
pub(super) mod openmetrics;

pub use self::ci_report::{CiReport, Numbers};
