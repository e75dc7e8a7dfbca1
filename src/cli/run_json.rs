//! What is printed of each profile with `--json`, and the line for each at the end.

use std::path::PathBuf;

use crate::{gate::BaselineComparison, report::price::Headline};

/// The verdict of a profile whose program is not installed.
pub(super) const SKIP: &str = "SKIP";

/// A line for each profile that was run.
pub(super) fn closing(runs: &[RunJson]) -> String {
    let lines: Vec<String> =
        runs.iter().map(|done| format!("{:<12} {}", done.verdict, done.profile)).collect();
    lines.join("\n")
}

/// The output for a profile with `--json`.
#[derive(serde::Serialize)]
pub(super) struct RunJson {
    /// Of the expectations; where they hold and it fails against its baseline, of that.
    #[serde(rename = "outcome")]
    pub(super) verdict: &'static str,
    /// What the verdict means, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) meaning: Option<String>,
    /// What bad peers cost, for each point where that was measured.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) price: Vec<Headline>,
    pub(super) profile: String,
    pub(super) interrupted: bool,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) started: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
    /// Why it was not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) skipped: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reports: Option<PathBuf>,
    /// The comparison with the baseline, if one was requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) baseline: Option<BaselineComparison>,
    pub(super) points: Vec<serde_json::Value>,
}
