//! A record made visible. To add a format: one file beside this one, one variant of [`Format`], one arm in [`files()`].
//!
//! Everything here is made from a record and nothing else, so that it can be made again from `record.json` at any
//! time. Exporters return bytes; [`write()`] alone touches files.

pub mod baseline;
mod chart;
pub mod compare;
mod contents;
mod csv;
mod ended;
mod error;
mod format;
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
    fs,
    path::{Path, PathBuf},
};

use self::{chart::Figure, tracker::CiReport};
pub use self::{error::ReportError, format::Format, html::index::index_page};
use crate::{
    files,
    gate::{BaselineComparison, PairedComparison},
    record::Record,
};

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
