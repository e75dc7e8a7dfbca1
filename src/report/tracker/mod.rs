//! Reports for programs that follow results over time or show them beside a build: verdicts as cases, and numbers under
//! names that stay the same. Made from a record or from a comparison; one file for each format.

pub(super) mod bencher;
mod ci_report;
pub mod github;
pub(super) mod hlog;
pub(super) mod junit;
pub(super) mod openmetrics;

pub use self::ci_report::CiReport;
use super::format::Format;
use crate::metric::Better;

/// The files of a format that is made from a CI report; none for any other.
pub(super) fn files(report: &CiReport, format: Format) -> Vec<(String, Vec<u8>)> {
    let files = match format {
        Format::Junit => vec![("junit.xml", junit::render(report))],
        Format::GithubBenchmark => vec![
            ("benchmark-smaller.json", github::benchmark(report, Better::Lower)),
            ("benchmark-bigger.json", github::benchmark(report, Better::Higher)),
        ],
        Format::Bencher => vec![("bencher.json", bencher::render(report))],
        Format::Openmetrics => vec![("openmetrics.txt", openmetrics::render(report))],
        _ => Vec::new(),
    };
    files.into_iter().map(|(name, text)| (name.to_owned(), text.into_bytes())).collect()
}
