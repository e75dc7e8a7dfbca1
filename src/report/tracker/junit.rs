//! `junit.xml`: each verdict is a test case. INCONCLUSIVE is skipped, and INVALID is an error. What bad peers cost is the
//! output of the suite.

use std::fmt::Write;

use super::{
    super::medium::html as text,
    ci_report::{Case, CiReport},
};
use crate::record::Verdict;

/// The whole file.
pub(in crate::report) fn render(report: &CiReport) -> String {
    let count = |is: fn(Verdict) -> bool| report.cases.iter().filter(|case| is(case.verdict)).count();
    let counts = format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{:.3}\"",
        report.cases.len(),
        count(Verdict::is_failure),
        count(|verdict| verdict == Verdict::Invalid),
        count(|verdict| verdict == Verdict::Inconclusive),
        report.seconds
    );
    let suite = text(&report.suite);
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"badpeer\" {counts}>\n\
         <testsuite name=\"{suite}\" {counts}>\n"
    );
    for case in &report.cases {
        // They were judged together when all was measured: none took time of its own.
        let _ = writeln!(
            out,
            "<testcase name=\"{}\" classname=\"badpeer.{suite}\" time=\"0\">{}</testcase>",
            text(&case.name),
            element(case).unwrap_or_default()
        );
    }
    if !report.headlines.is_empty() {
        let _ = writeln!(out, "<system-out>{}</system-out>", text(&report.headlines.join("\n")));
    }
    out + "</testsuite>\n</testsuites>\n"
}

/// The element for a case that did not pass. The facts are also in the body, because some readers show only the body.
fn element(case: &Case) -> Option<String> {
    let tag = match case.verdict {
        Verdict::Pass => return None,
        Verdict::Regression | Verdict::Fail => "failure",
        Verdict::Invalid => "error",
        Verdict::Inconclusive => "skipped",
    };
    let (facts, word) = (text(&case.facts), case.verdict.word());
    Some(match case.verdict {
        Verdict::Inconclusive => format!("<{tag} message=\"{word}: {facts}\"/>"),
        _ => {
            format!("<{tag} message=\"{facts}\" type=\"{word}\">{word} {}: {facts}</{tag}>", text(&case.name))
        }
    })
}
