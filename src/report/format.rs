//! The formats that a record or a comparison can be made into.

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
    /// `openmetrics.txt`: each metric as a gauge, for Prometheus and GitLab
    Openmetrics,
    /// `latency.hlog`: the latencies of each group, for HdrHistogram's log processors
    Hlog,
}

impl Format {
    /// What a run leaves behind beside its record.
    pub const DEFAULT: &'static [Self] = &[Self::Csv, Self::Png, Self::Svg, Self::Html];
    /// What a comparison leaves behind beside `comparison.json`.
    pub const OF_COMPARISON: &'static [Self] = &[Self::Png, Self::Svg, Self::Html, Self::Markdown];
}
