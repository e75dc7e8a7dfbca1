//! Why a record could not be made visible.

use std::{io, path::PathBuf};

use super::format::Format;

/// Why a record could not be made visible.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A table that cannot be written as CSV.
    #[error("cannot write the table: {0}")]
    Csv(#[from] ::csv::Error),
    /// A chart that cannot be drawn.
    #[error("cannot draw the chart `{chart}`: {reason}")]
    Chart {
        /// The chart's name: its file's stem.
        chart: String,
        /// What the drawing library says.
        reason: String,
    },
    /// A page that cannot be made.
    #[error("cannot create the page: {0}")]
    Page(String),
    /// A history that cannot be read.
    #[error("{0}")]
    History(String),
    /// Histograms that cannot be written.
    #[error("cannot write the histograms: {0}")]
    Histograms(String),
    /// What cannot be made of a comparison.
    #[error(
        "a comparison has no format {0:?}: use png, svg, html, markdown, junit, github-benchmark, bencher or \
         openmetrics"
    )]
    NotOfComparison(Format),
    /// A file that cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}
