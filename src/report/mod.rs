//! Reports made from a record. To add a format: one file beside this one, one variant of [`Format`], one arm in
//! [`files()`].
//!
//! Everything here is made from a record and nothing else, so that it can be made again from `record.json` at any
//! time. Exporters return bytes; [`write()`] alone touches files.

pub mod baseline;
mod chart;
pub mod compare;
mod contents;
mod csv;
mod ended;
pub mod gallery;
pub mod gate;
pub mod history;
mod html;
pub mod index;
mod markdown;
mod meaning;
pub mod medium;
mod problems;
mod stall;
mod table;
pub mod terminal;
pub mod tracker;
mod view;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use nix::unistd::{AccessFlags, access};

use self::{chart::Figure, tracker::CiReport};
use crate::{
    files,
    gate::{BaselineComparison, PairedComparison},
    record::Record,
};

/// What a record can be made into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// `series.csv` with a row for each sample (not for core experiments), and `summary.csv` with a row for each sweep
    /// point and repeat
    Csv,
    /// Charts as pictures of 1400×700 pixels
    Png,
    /// The same charts as vectors
    Svg,
    /// `index.html`: one file that contains everything and loads nothing
    Html,
    /// `summary.md` (of a comparison `comparison.md`), for the page of a CI job
    Markdown,
    /// `junit.xml`: each verdict is a test case
    Junit,
    /// `benchmark-smaller.json` and `benchmark-bigger.json`, for github-action-benchmark
    GithubBenchmark,
    /// `bencher.json`: Bencher Metric Format
    Bencher,
    /// `openmetrics.txt`: every metric as a gauge, for Prometheus and GitLab
    Openmetrics,
    /// `latency.hlog`: the latencies of each group, for HdrHistogram's log processors
    Hlog,
}

impl Format {
    /// What a run leaves behind beside its record.
    pub const DEFAULT: &'static [Self] = &[Self::Csv, Self::Png, Self::Svg, Self::Html];
    /// What a comparison leaves behind beside `comparison.json`.
    pub const OF_COMPARISON: &'static [Self] = &[Self::Png, Self::Svg, Self::Html, Self::Markdown];

    /// Whether there is such a thing of a comparison.
    #[must_use]
    pub const fn is_of_comparison(self) -> bool {
        !matches!(self, Self::Csv | Self::Hlog)
    }
}

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

/// The files of the given formats, by name; with what is said of the record against a baseline, if it was held against one.
///
/// # Errors
/// A chart or a table that cannot be made.
pub fn files(
    record: &Record,
    comparison: Option<&BaselineComparison>,
    formats: &[Format],
) -> Result<Vec<(String, Vec<u8>)>, ReportError> {
    let figures = chart::figures(record);
    let mut files = Vec::new();
    for format in formats {
        match format {
            Format::Csv => {
                if record.profile.core.is_none() {
                    files.push(("series.csv".to_owned(), csv::series(record)?));
                }
                files.push(("summary.csv".to_owned(), csv::summary(record)?));
            }
            Format::Png => files.extend(pictures(&figures)?),
            Format::Svg => files.extend(vectors(&figures)?),
            Format::Html => {
                files.push((
                    "index.html".to_owned(),
                    html::render(record, comparison, &figures)?.into_bytes(),
                ));
            }
            Format::Markdown => {
                files.push(("summary.md".to_owned(), markdown(record, comparison).into_bytes()));
            }
            Format::Hlog => {
                let log = tracker::hlog::render(record).map_err(ReportError::Histograms)?;
                files.push(("latency.hlog".to_owned(), log));
            }
            _ => files.extend(tracker::files(&CiReport::of_run(record, comparison), *format)),
        }
    }
    Ok(files)
}

fn pictures(figures: &[Figure]) -> Result<Vec<(String, Vec<u8>)>, ReportError> {
    figures.iter().map(|figure| Ok((figure.file("png"), figure.png()?))).collect()
}

fn vectors(figures: &[Figure]) -> Result<Vec<(String, Vec<u8>)>, ReportError> {
    figures.iter().map(|figure| Ok((figure.file("svg"), figure.svg()?.into_bytes()))).collect()
}

/// A record as Markdown, and what is said of it against a baseline.
#[must_use]
pub fn markdown(record: &Record, comparison: Option<&BaselineComparison>) -> String {
    markdown::render(record) + &comparison.map(baseline::markdown).unwrap_or_default()
}

/// What the outcome of a record means, in a sentence.
#[must_use]
pub fn meaning(record: &Record) -> String {
    meaning::meaning(record)
}

/// The files of the given formats of a comparison, by name.
///
/// # Errors
/// A format that a comparison has none of.
pub fn comparison_files(
    comparison: &PairedComparison,
    formats: &[Format],
) -> Result<Vec<(String, Vec<u8>)>, ReportError> {
    let figures = chart::pairs::figures(comparison);
    let mut files = Vec::new();
    for format in formats {
        match format {
            Format::Png => files.extend(pictures(&figures)?),
            Format::Svg => files.extend(vectors(&figures)?),
            Format::Html => {
                files.push((
                    "index.html".to_owned(),
                    html::compare::render(comparison, &figures)?.into_bytes(),
                ));
            }
            Format::Markdown => {
                files.push(("comparison.md".to_owned(), gate::markdown(comparison).into_bytes()));
            }
            format if format.is_of_comparison() => {
                files.extend(tracker::files(&comparison.into(), *format));
            }
            _ => return Err(ReportError::NotOfComparison(*format)),
        }
    }
    Ok(files)
}

/// The files of a history, by name: a page and, as pictures and vectors, its charts.
///
/// # Errors
/// A file that cannot be read or is no history, or a chart that cannot be drawn.
pub fn history_files(file: &Path) -> Result<Vec<(String, Vec<u8>)>, ReportError> {
    let rows = history::read(file).map_err(|error| ReportError::History(error.to_string()))?;
    let mut of_profile: indexmap::IndexMap<&str, Vec<&history::Row>> = indexmap::IndexMap::new();
    for row in &rows {
        of_profile.entry(&row.profile).or_default().push(row);
    }
    let runs: std::collections::HashSet<(&str, &str)> =
        rows.iter().map(|row| (row.profile.as_str(), row.time.as_str())).collect();
    let charts = |(profile, rows): (&&str, &Vec<&history::Row>)| {
        ((*profile).to_owned(), chart::history::figures(profile, rows))
    };
    let profiles: Vec<(String, Vec<Figure>)> = of_profile.iter().map(charts).collect();
    let mut files =
        vec![("history.html".to_owned(), html::history::render(&profiles, runs.len())?.into_bytes())];
    for (_, figures) in &profiles {
        files.extend(pictures(figures)?);
        files.extend(vectors(figures)?);
    }
    Ok(files)
}

/// Whether files can be written into a directory, there already or not, which is left as it is.
///
/// # Errors
/// What stands in the way.
pub fn writable(dir: &Path) -> io::Result<()> {
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    if dir.exists() && !dir.is_dir() {
        return Err(io::Error::new(io::ErrorKind::NotADirectory, "it is not a folder"));
    }
    if !dir.is_dir() {
        return files::can_make_folder(dir);
    }
    access(dir, AccessFlags::W_OK | AccessFlags::X_OK).map_err(io::Error::from)
}

/// Writes files into a directory, which is made if it is not there, and says which.
///
/// # Errors
/// A file that cannot be written.
pub fn write(files: Vec<(String, Vec<u8>)>, dir: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        |source| ReportError::Write { path, source }
    };
    fs::create_dir_all(dir).map_err(failed(dir))?;
    files
        .into_iter()
        .map(|(name, bytes)| {
            let path = dir.join(name);
            files::write(&path, &bytes).map_err(failed(&path))?;
            Ok(path)
        })
        .collect()
}
