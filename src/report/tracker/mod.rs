//! Reports for programs that follow results over time or show them beside a build: verdicts as cases, and numbers under
//! names that stay the same. Made from a record or from a comparison; one file for each format.

pub(super) mod bencher;
mod ci_report;
pub mod github;
pub(super) mod hlog;
pub(super) mod junit;
pub(super) mod openmetrics;

pub use self::ci_report::CiReport;
