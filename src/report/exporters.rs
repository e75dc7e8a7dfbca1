//! The tables of what can be made of a record and of a comparison: a format, a file, and the function that makes it.

use indexmap::{IndexMap, IndexSet};

use super::{
    chart::{self, Figure},
    csv,
    error::ReportError,
    format::Format,
    history, html, markdown,
    tracker::{CiReport, Numbers, bencher, github, hlog, junit, openmetrics},
};
use crate::{
    gate::{BaselineComparison, PairedComparison},
    metric::Better,
    record::Record,
};

/// Files by name.
type Files = Vec<(String, Vec<u8>)>;

/// What an exporter makes: nothing where there is none of it.
type Made = Result<Option<Vec<u8>>, ReportError>;

/// What makes a file of a run, of a comparison, and of a chart.
type RunExporter = fn(&OfRun<'_>) -> Made;
type ComparisonExporter = fn(&OfComparison<'_>) -> Made;
type FigureExporter = fn(&Figure) -> Result<Vec<u8>, ReportError>;

/// A file of a format, and what makes it.
type Exporter<M> = (Format, &'static str, M);

/// What is made of a run.
struct OfRun<'a> {
    record: &'a Record,
    /// The comparison with a baseline, if there is one.
    comparison: Option<&'a BaselineComparison>,
    figures: Vec<Figure>,
    /// Which numbers are for trackers.
    numbers: Numbers,
}

/// What is made of a comparison of two servers.
struct OfComparison<'a> {
    comparison: &'a PairedComparison,
    figures: Vec<Figure>,
}

impl OfRun<'_> {
    fn for_ci(&self) -> CiReport {
        CiReport::of_run(self.record, self.comparison, self.numbers)
    }
}

const SMALLER: &str = "benchmark-smaller.json";
const BIGGER: &str = "benchmark-bigger.json";

/// What a run can be made into.
const OF_RUN: &[Exporter<RunExporter>] = &[
    (Format::Csv, "series.csv", |run| match run.record.profile.core {
        Some(_) => Ok(None),
        None => csv::series(run.record).map(Some),
    }),
    (Format::Csv, "summary.csv", |run| csv::summary(run.record).map(Some)),
    (Format::Html, "index.html", |run| text(html::render(run.record, run.comparison, &run.figures)?)),
    (Format::Markdown, "summary.md", |run| text(markdown::record(run.record, run.comparison))),
    (Format::Junit, "junit.xml", |run| text(junit::render(&run.for_ci()))),
    (Format::GithubBenchmark, SMALLER, |run| text(github::benchmark(&run.for_ci(), Better::Lower))),
    (Format::GithubBenchmark, BIGGER, |run| text(github::benchmark(&run.for_ci(), Better::Higher))),
    (Format::Bencher, "bencher.json", |run| text(bencher::render(&run.for_ci()))),
    (Format::Openmetrics, "openmetrics.txt", |run| text(openmetrics::render(&run.for_ci()))),
    (Format::Hlog, "latency.hlog", |run| hlog::render(run.record).map(Some).map_err(ReportError::Histograms)),
];

/// What a comparison can be made into.
const OF_COMPARISON: &[Exporter<ComparisonExporter>] = &[
    (Format::Html, "index.html", |of| text(html::compare::render(of.comparison, &of.figures)?)),
    (Format::Markdown, "comparison.md", |of| text(markdown::comparison(of.comparison))),
    (Format::Junit, "junit.xml", |of| text(junit::render(&of.comparison.into()))),
    (Format::GithubBenchmark, SMALLER, |of| text(github::benchmark(&of.comparison.into(), Better::Lower))),
    (Format::GithubBenchmark, BIGGER, |of| text(github::benchmark(&of.comparison.into(), Better::Higher))),
    (Format::Bencher, "bencher.json", |of| text(bencher::render(&of.comparison.into()))),
    (Format::Openmetrics, "openmetrics.txt", |of| text(openmetrics::render(&of.comparison.into()))),
];

/// What is made of each chart, with the ending of its file.
const OF_FIGURE: &[Exporter<FigureExporter>] =
    &[(Format::Png, "png", Figure::png), (Format::Svg, "svg", |figure| figure.svg().map(String::into_bytes))];

#[expect(clippy::unnecessary_wraps, reason = "it is what every exporter returns")]
fn text(text: String) -> Made {
    Ok(Some(text.into_bytes()))
}

/// All files of a format that a table has.
fn made<M>(
    format: Format,
    table: &[Exporter<M>],
    figures: &[Figure],
    make: impl Fn(&M) -> Made,
) -> Result<Files, ReportError> {
    let mut files = drawn(format, figures)?;
    for (_, name, exporter) in table.iter().filter(|(of, ..)| *of == format) {
        files.extend(make(exporter)?.map(|bytes| ((*name).to_owned(), bytes)));
    }
    Ok(files)
}

/// The charts in this format, if it is one of charts.
fn drawn(format: Format, figures: &[Figure]) -> Result<Files, ReportError> {
    let mut files = Files::new();
    for (_, ending, make) in OF_FIGURE.iter().filter(|(of, ..)| *of == format) {
        for figure in figures {
            files.push((figure.file(ending), make(figure)?));
        }
    }
    Ok(files)
}

/// The files of the given formats, by name; with what is said of the record against a baseline, if it was held against one.
/// Trackers get these numbers.
///
/// # Errors
/// A chart or a table that cannot be made.
pub fn files(
    record: &Record,
    comparison: Option<&BaselineComparison>,
    formats: &[Format],
    numbers: Numbers,
) -> Result<Files, ReportError> {
    let run = OfRun { record, comparison, figures: chart::figures(record), numbers };
    let mut files = Files::new();
    for format in formats {
        files.extend(made(*format, OF_RUN, &run.figures, |make| make(&run))?);
    }
    Ok(files)
}

/// Whether there is such a thing of a comparison.
#[must_use]
pub fn is_of_comparison(format: Format) -> bool {
    let of_figures = OF_FIGURE.iter().map(|(of, ..)| *of);
    OF_COMPARISON.iter().map(|(of, ..)| *of).chain(of_figures).any(|of| of == format)
}

/// The files of the given formats of a comparison, by name.
///
/// # Errors
/// A format that a comparison has none of.
pub fn comparison_files(comparison: &PairedComparison, formats: &[Format]) -> Result<Files, ReportError> {
    let of = OfComparison { comparison, figures: chart::pairs::figures(comparison) };
    let mut files = Files::new();
    for format in formats {
        if !is_of_comparison(*format) {
            return Err(ReportError::NotOfComparison(*format));
        }
        files.extend(made(*format, OF_COMPARISON, &of.figures, |make| make(&of))?);
    }
    Ok(files)
}

/// The files of a history, by name: a page and, as pictures and vectors, its charts. `file` is the name of what the text is
/// from.
///
/// # Errors
/// A text that is no history, or a chart that cannot be drawn.
pub fn history_files(text: &str, file: &str) -> Result<Files, ReportError> {
    let (_, rows) = history::parse(text, file).map_err(|error| ReportError::History(error.to_string()))?;
    let mut of_profile: IndexMap<&str, Vec<&history::Row>> = IndexMap::new();
    for row in &rows {
        of_profile.entry(&row.profile).or_default().push(row);
    }
    let runs: IndexSet<(&str, &str)> =
        rows.iter().map(|row| (row.profile.as_str(), row.time.as_str())).collect();
    let charts = |(profile, rows): (&&str, &Vec<&history::Row>)| {
        ((*profile).to_owned(), chart::history::figures(profile, rows))
    };
    let profiles: Vec<(String, Vec<Figure>)> = of_profile.iter().map(charts).collect();
    let mut files =
        vec![("history.html".to_owned(), html::history::render(&profiles, runs.len())?.into_bytes())];
    for (_, figures) in &profiles {
        files.extend(drawn(Format::Png, figures)?);
        files.extend(drawn(Format::Svg, figures)?);
    }
    Ok(files)
}
