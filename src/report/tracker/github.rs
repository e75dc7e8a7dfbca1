//! For GitHub: the two files of github-action-benchmark, and workflow commands that mark what went wrong.

use serde_json::{Value, json};

use super::{
    super::medium,
    ci_report::{Case, CiReport, Number, at},
};
use crate::{metric::Better, record::Verdict};

/// GitHub shows so many of a kind for each step.
const MOST_ANNOTATIONS: usize = 10;
/// What GitHub takes as the summary of a step, in bytes.
const MOST_SUMMARY: usize = 1024 * 1024;

/// An array of `{name, unit, value, range, extra}` of all numbers that are better in this direction: github-action-benchmark
/// wants a file for each (`customSmallerIsBetter`, `customBiggerIsBetter`).
pub(in crate::report) fn benchmark(report: &CiReport, better: Better) -> String {
    let of_kind = report.numbers.iter().filter(|number| number.better() == better);
    let entry = |number: &Number| {
        let mut entry = json!({
            "name": format!("{}: {}{}", report.suite, number.name, at(&number.point)),
            "unit": number.stat.unit().name(),
            "value": number.value,
        });
        if let Some((low, high)) = number.range {
            entry["range"] = Value::String(format!("± {}", (high - low) / 2.0));
        }
        if let Some(commit) = &report.commit {
            entry["extra"] = Value::String(format!("commit {commit}"));
        }
        entry
    };
    format!("{:#}\n", Value::Array(of_kind.map(entry).collect()))
}

/// Workflow commands: a notice of what bad peers cost, an error for each verdict that fails, a warning for each that cannot be
/// given; at most ten of a kind.
#[must_use]
pub fn annotations(report: &CiReport) -> Vec<String> {
    let of = |kind: &str, verdicts: &[Verdict]| -> Vec<String> {
        let mut cases: Vec<&Case> =
            report.cases.iter().filter(|case| verdicts.contains(&case.verdict)).collect();
        // The worst first: of many, GitHub shows no more than the first.
        cases.sort_by_key(|case| verdicts.iter().position(|verdict| *verdict == case.verdict));
        let shown = if cases.len() > MOST_ANNOTATIONS { MOST_ANNOTATIONS - 1 } else { cases.len() };
        let mut lines: Vec<String> = cases[..shown].iter().map(|case| line(report, kind, case)).collect();
        if cases.len() > shown {
            let more = cases.len() - shown;
            lines.push(format!("::{kind} title={}::and {more} more", property(&report.suite)));
        }
        lines
    };
    let errors = of("error", &[Verdict::Regression, Verdict::Fail, Verdict::Invalid]);
    let title = property(&format!("badpeer {}", report.suite));
    let price = report.headlines.iter().take(MOST_ANNOTATIONS);
    let price = price.map(|headline| format!("::notice title={title}::{}", data(headline)));
    price.chain(errors).chain(of("warning", &[Verdict::Inconclusive])).collect()
}

fn line(report: &CiReport, kind: &str, case: &Case) -> String {
    let title = property(&format!("badpeer {}: {}", report.suite, case.verdict.word()));
    format!("::{kind} title={title}::{}", data(&format!("{}: {}", case.name, case.facts)))
}

/// Text as the message of a workflow command; a control character in it does nothing where the log is shown.
fn data(text: &str) -> String {
    medium::terminal(text, false).replace('%', "%25").replace('\n', "%0A")
}

/// Text as a property of a workflow command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// As much of a step's summary as GitHub takes.
#[must_use]
pub fn summary(markdown: &str, already: usize) -> String {
    const CUT: &str = "\n\n(truncated: GitHub accepts at most 1 MiB)\n";
    let room = MOST_SUMMARY.saturating_sub(already);
    if markdown.len() <= room {
        return markdown.to_owned();
    }
    let Some(room) = room.checked_sub(CUT.len()) else { return String::new() };
    let end = (0..=room).rev().find(|end| markdown.is_char_boundary(*end)).unwrap_or(0);
    format!("{}{CUT}", &markdown[..end])
}
